//! Blocks that say how to compute a field from its siblings: other fields of the same rows.
//!
//! `free = total - used`, `used_percent = 100 * used / total`: who measures such things reports all of them, and the third costs nothing
//! but the rule by which it follows from the first two, and the constants in it.
//!
//! ```text
//! u8        2            where other blocks have 0 or 1
//! u8        rule
//! varint    s            number of the sibling among the fields of the table
//! zigzag    a, b
//! rule 0                 a*s + b
//!      1    varint t, zigzag c                        a*s + c*t + b
//!      2    varint factor, varint divisor             (x * factor) / divisor, where x is a*s + b as a float
//!      3    varint factor, varint divisor             (x / divisor) * factor
//!      4    varint factor, varint t                   as 2; the divisor is t
//!      5    varint factor, varint t                   as 3; the divisor is t
//! ```
//!
//! Integers wrap around; those of floats and unsigned integers are their bits, so that rule 0 with 1 and 0 is a copy of any type. `x` of a
//! sibling of floats is its value, `a` is 1 and `b` 0 then. Factors and divisors are the bits of floats, their bytes in reverse order: of 100 or
//! 2^34 nothing but the top bits is set. Whoever writes such a block has computed it and compared every bit.
//!
//! All rows have a value, of this field as of its siblings. A sibling is stored as what it is, not derived itself: one look
//! leads to it, and there are no circles.

use super::block::Numbers;
use crate::bytes::{Bad, Reader, low_byte, put_len, put_varint, put_zigzag};

/// Where a column says which of its rows have a value.
pub(super) const DERIVED: u8 = 2;

/// How a field follows from others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Derived {
    /// Number of the sibling.
    pub(crate) sibling: usize,
    pub(crate) a: i64,
    pub(crate) b: i64,
    pub(crate) rule: Rule,
}

/// What is done with `a*s + b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rule {
    /// Nothing.
    Linear,
    /// Plus `c` times another sibling.
    Sum { second: usize, c: i64 },
    /// A part of something.
    Quotient { factor: f64, divisor: Divisor, order: Order },
}

/// What is divided by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Divisor {
    /// A number.
    Constant(f64),
    /// A sibling, by its number.
    Sibling(usize),
}

/// Floats care which comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// `x * factor / divisor`.
    MultiplyFirst,
    /// `x / divisor * factor`.
    DivideFirst,
}

fn put_float(out: &mut Vec<u8>, value: f64) {
    put_varint(out, value.to_bits().swap_bytes());
}

fn take_float(reader: &mut Reader<'_>) -> Result<f64, Bad> {
    reader.varint().map(|bits| f64::from_bits(bits.swap_bytes()))
}

impl Derived {
    /// Whether a block is one of these.
    pub(crate) fn is(block: &[u8]) -> bool {
        block.first() == Some(&DERIVED)
    }

    /// The other sibling it needs.
    pub(crate) const fn second(&self) -> Option<usize> {
        match self.rule {
            Rule::Sum { second, .. } | Rule::Quotient { divisor: Divisor::Sibling(second), .. } => {
                Some(second)
            }
            _ => None,
        }
    }

    /// The same rule where fields have other numbers; `None` if one of the siblings is not there.
    pub(crate) fn renumbered(self, number: impl Fn(usize) -> Option<usize>) -> Option<Derived> {
        let mut new = self;
        new.sibling = number(self.sibling)?;
        match &mut new.rule {
            Rule::Sum { second, .. } | Rule::Quotient { divisor: Divisor::Sibling(second), .. } => {
                *second = number(*second)?
            }
            _ => {}
        }
        Some(new)
    }

    /// Appends the block.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let (kind, factor) = match self.rule {
            Rule::Linear => (0, None),
            Rule::Sum { .. } => (1, None),
            Rule::Quotient { factor, divisor, order } => {
                let by_sibling = matches!(divisor, Divisor::Sibling(_));
                let late = order == Order::DivideFirst;
                (2 + 2 * u64::from(by_sibling) + u64::from(late), Some(factor))
            }
        };
        out.extend([DERIVED, low_byte(kind)]);
        put_len(out, self.sibling);
        put_zigzag(out, self.a);
        put_zigzag(out, self.b);
        factor.iter().for_each(|factor| put_float(out, *factor));
        match self.rule {
            Rule::Linear => {}
            Rule::Sum { second, c } => {
                put_len(out, second);
                put_zigzag(out, c);
            }
            Rule::Quotient { divisor: Divisor::Constant(divisor), .. } => put_float(out, divisor),
            Rule::Quotient { divisor: Divisor::Sibling(second), .. } => put_len(out, second),
        }
    }

    /// Reads a block of a table of `fields` fields.
    pub(crate) fn read(block: &[u8], fields: usize) -> Result<Derived, Bad> {
        let mut reader = Reader::new(block);
        if reader.u8()? != DERIVED {
            return reader.bad("a block that is derived", "another one");
        }
        let kind = reader.u8()?;
        if kind > 5 {
            return reader.bad("a rule of 0 to 5", kind.to_string());
        }
        let last = fields.saturating_sub(1);
        let sibling = reader.count(last)?;
        let (a, b) = (reader.zigzag()?, reader.zigzag()?);
        let rule = match kind {
            0 => Rule::Linear,
            1 => Rule::Sum { second: reader.count(last)?, c: reader.zigzag()? },
            _ => {
                let factor = take_float(&mut reader)?;
                let divisor = if kind < 4 {
                    Divisor::Constant(take_float(&mut reader)?)
                } else {
                    Divisor::Sibling(reader.count(last)?)
                };
                let order = if kind % 2 == 0 { Order::MultiplyFirst } else { Order::DivideFirst };
                Rule::Quotient { factor, divisor, order }
            }
        };
        reader.end()?;
        Ok(Derived { sibling, a, b, rule })
    }

    /// Computes the bits of each value in place of what `out` held, as many as the siblings have.
    pub(crate) fn compute(&self, s: Numbers<'_>, t: Option<Numbers<'_>>, out: &mut Vec<i64>) {
        out.clear();
        match (self.rule, t) {
            (Rule::Sum { c, .. }, Some(t)) => {
                self.linear(s, out);
                let add = |(value, t): (&mut i64, i64)| {
                    *value = value.wrapping_add(t.wrapping_mul(c));
                };
                match t {
                    Numbers::Floats(v) => {
                        out.iter_mut()
                            .zip(v.iter().map(|v| v.to_bits().cast_signed()))
                            .for_each(add);
                    }
                    Numbers::Integers(v) => out.iter_mut().zip(v.iter().copied()).for_each(add),
                    Numbers::Unsigned(v) => {
                        out.iter_mut().zip(v.iter().map(|v| v.cast_signed())).for_each(add);
                    }
                }
            }
            (Rule::Linear | Rule::Sum { .. }, _) => self.linear(s, out),
            (Rule::Quotient { factor, divisor, order }, t) => {
                self.floats(s, out);
                quotients(out, factor, divisor, order, t);
            }
        }
    }

    fn linear(&self, s: Numbers<'_>, out: &mut Vec<i64>) {
        let (a, b) = (self.a, self.b);
        let value = |s: i64| s.wrapping_mul(a).wrapping_add(b);
        match s {
            Numbers::Floats(v) => out.extend(v.iter().map(|v| value(v.to_bits().cast_signed()))),
            Numbers::Integers(v) => out.extend(v.iter().map(|v| value(*v))),
            Numbers::Unsigned(v) => out.extend(v.iter().map(|v| value(v.cast_signed()))),
        }
    }

    /// `a*s + b` as floats, by their bits.
    fn floats(&self, s: Numbers<'_>, out: &mut Vec<i64>) {
        let bits = |value: f64| value.to_bits().cast_signed();
        match s {
            Numbers::Floats(v) => out.extend(v.iter().map(|v| bits(*v))),
            Numbers::Integers(_) => {
                self.linear(s, out);
                out.iter_mut().for_each(|value| *value = bits(*value as f64));
            }
            Numbers::Unsigned(_) => {
                self.linear(s, out);
                out.iter_mut().for_each(|value| *value = bits(value.cast_unsigned() as f64));
            }
        }
    }
}

/// From dividends to quotients, all by their bits.
fn quotients(
    values: &mut [i64],
    factor: f64,
    divisor: Divisor,
    order: Order,
    t: Option<Numbers<'_>>,
) {
    let quotient = |value: &mut i64, divisor: f64| {
        let x = f64::from_bits(value.cast_unsigned());
        let x = match order {
            Order::MultiplyFirst => x * factor / divisor,
            Order::DivideFirst => x / divisor * factor,
        };
        *value = x.to_bits().cast_signed();
    };
    match (divisor, t) {
        (Divisor::Constant(divisor), _) => values.iter_mut().for_each(|v| quotient(v, divisor)),
        (Divisor::Sibling(_), None) => {}
        (_, Some(Numbers::Floats(t))) => {
            values.iter_mut().zip(t).for_each(|(v, t)| quotient(v, *t));
        }
        (_, Some(Numbers::Integers(t))) => {
            values.iter_mut().zip(t).for_each(|(v, t)| quotient(v, *t as f64));
        }
        (_, Some(Numbers::Unsigned(t))) => {
            values.iter_mut().zip(t).for_each(|(v, t)| quotient(v, *t as f64));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules() -> impl Strategy<Value = Derived> {
        let float = prop_oneof![Just(100.0), Just(1.0), any::<u64>().prop_map(f64::from_bits)];
        let divisor = prop_oneof![
            float.clone().prop_map(Divisor::Constant),
            (0..300usize).prop_map(Divisor::Sibling)
        ];
        let order = prop_oneof![Just(Order::MultiplyFirst), Just(Order::DivideFirst)];
        let rule = prop_oneof![
            Just(Rule::Linear),
            (0..300usize, any::<i64>()).prop_map(|(second, c)| Rule::Sum { second, c }),
            (float, divisor, order).prop_map(|(factor, divisor, order)| Rule::Quotient {
                factor,
                divisor,
                order
            }),
        ];
        (0..300usize, any::<i64>(), any::<i64>(), rule).prop_map(|(sibling, a, b, rule)| Derived {
            sibling,
            a,
            b,
            rule,
        })
    }

    proptest! {
        #[test]
        fn blocks_say_what_was_written(derived in rules()) {
            let mut block = Vec::new();
            derived.write(&mut block);
            prop_assert!(Derived::is(&block));
            let read = Derived::read(&block, 300).unwrap();
            // By their text: a NaN is not equal to itself.
            prop_assert_eq!(format!("{read:?}"), format!("{derived:?}"));
            let mut again = Vec::new();
            read.write(&mut again);
            prop_assert_eq!(&again, &block);
            let most = derived.sibling.max(derived.second().unwrap_or(0));
            let fewer = Derived::read(&block, most);
            prop_assert!(most == 0 || fewer.is_err(), "a field that the table does not have");
            for len in 0..block.len() {
                prop_assert!(Derived::read(&block[..len], 300).is_err());
            }
        }

        #[test]
        fn whatever_the_bytes_say_is_computed_or_refused(
            block in prop::collection::vec(any::<u8>(), 0..40), words in prop::collection::vec(any::<u64>(), 1..40)
        ) {
            let mut block = block;
            block.splice(0..0, [DERIVED]);
            let floats: Vec<f64> = words.iter().map(|w| f64::from_bits(*w)).collect();
            let ints: Vec<i64> = words.iter().map(|w| w.cast_signed()).collect();
            if let Ok(derived) = Derived::read(&block, 300) {
                let mut out = Vec::new();
                for s in [Numbers::Floats(&floats), Numbers::Integers(&ints), Numbers::Unsigned(&words)] {
                    derived.compute(s, Some(s), &mut out);
                    prop_assert_eq!(out.len(), words.len());
                    derived.compute(s, None, &mut out);
                    prop_assert_eq!(out.len(), words.len());
                }
            }
        }
    }

    #[test]
    fn percents_are_computed_as_their_writer_did() {
        let used = [1_234_567_891i64, 987_654_321, 3, 17_179_869_183];
        let total = 17_179_869_184.0;
        let rule =
            |order| Rule::Quotient { factor: 100.0, divisor: Divisor::Constant(total), order };
        for (order, by_hand) in [
            (Order::MultiplyFirst, used.map(|used| 100.0 * used as f64 / total)),
            (Order::DivideFirst, used.map(|used| 100.0 * (used as f64 / total))),
        ] {
            let derived = Derived { sibling: 0, a: 1, b: 0, rule: rule(order) };
            let mut out = Vec::new();
            derived.compute(Numbers::Integers(&used), None, &mut out);
            assert_eq!(out, by_hand.map(|v| v.to_bits().cast_signed()));
            let mut block = Vec::new();
            derived.write(&mut block);
            assert!(block.len() <= 12, "{} bytes", block.len());
        }
    }
}
