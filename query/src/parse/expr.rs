//! Expressions.

use nom::Parser;
use nom::combinator::opt;
use stripchart_core::DurationLiteral;

use super::MAX_EXPRESSION_HEIGHT;
use super::cursor::{
    Cursor, Fault, Parsed, clause, commit, expected, expected_here, ident, nested, placed, plain,
    regex, symbol, symbol_here,
};
use super::lex::{self, Token};
use crate::ast::{BinaryOp, Call, DataType, Expr, VarRef, WildcardKind, quote_ident};

/// An expression with the height of its tree.
struct Tree {
    expr: Expr,
    height: usize,
}

impl Tree {
    fn leaf(expr: Expr) -> Self {
        Tree { expr, height: 1 }
    }

    fn binary(op: BinaryOp, left: Tree, right: Tree) -> Self {
        let height = 1 + left.height.max(right.height);
        Tree { expr: Expr::binary(op, left.expr, right.expr), height }
    }
}

/// `expr = operand { operator operand }`, by precedence:
/// `OR` < `AND` < comparisons < `+ - | ^` < `* / % &`.
pub(super) fn expr(i: Cursor<'_>) -> Parsed<'_, Expr> {
    tree(i).map(|(i, tree)| (i, tree.expr))
}

/// Dijkstra's two stacks, so that a chain of operators costs no recursion, however long.
fn tree(i: Cursor<'_>) -> Parsed<'_, Tree> {
    let (mut i, first) = operand(i)?;
    let mut operands = vec![first];
    let mut operators: Vec<BinaryOp> = Vec::new();
    while let (rest, Some(op)) = operator(i) {
        let (rest, right) =
            if op.is_regex() { commit(regex_operand(rest))? } else { commit(operand(rest))? };
        // Chains of AND and OR wait until something weaker comes, to be balanced as a whole.
        let waits = |top: BinaryOp| top.precedence() == op.precedence() && top.precedence() <= 2;
        while operators
            .last()
            .is_some_and(|top| top.precedence() >= op.precedence() && !waits(*top))
        {
            reduce(i, &mut operands, &mut operators)?;
        }
        operators.push(op);
        operands.push(bound_by(op, right));
        i = rest;
    }
    while !operators.is_empty() {
        reduce(i, &mut operands, &mut operators)?;
    }
    match operands.pop() {
        Some(tree) => Ok((i, tree)),
        None => Err(expected(i, &["expression"])), // cannot be: there was a first operand
    }
}

/// A negated name is a product in disguise: right of an operator that binds as tightly it needs parentheses, or its
/// text would read differently.
fn bound_by(op: BinaryOp, operand: Tree) -> Tree {
    match &operand.expr {
        Expr::Binary(inner) if inner.op.precedence() <= op.precedence() => {
            Tree { height: operand.height + 1, expr: Expr::Paren(Box::new(operand.expr)) }
        }
        _ => operand,
    }
}

/// Makes one tree of the topmost operator and its operands; of a whole chain, where it is `AND` or `OR`.
fn reduce<'a>(
    i: Cursor<'a>,
    operands: &mut Vec<Tree>,
    operators: &mut Vec<BinaryOp>,
) -> Result<(), nom::Err<Fault<'a>>> {
    let Some(op) = operators.pop() else { return Ok(()) };
    let mut links = 1;
    while op.precedence() <= 2 && operators.last() == Some(&op) {
        operators.pop();
        links += 1;
    }
    let chain = operands.split_off(operands.len().saturating_sub(links + 1));
    if let Some(tree) = balanced(op, &mut chain.into_iter(), links + 1) {
        if tree.height > MAX_EXPRESSION_HEIGHT {
            let message = format!("expression is more than {MAX_EXPRESSION_HEIGHT} levels high");
            return Err(placed(i, message));
        }
        operands.push(tree);
    }
    Ok(())
}

/// Joins the next `count` operands, the halves first.
fn balanced(op: BinaryOp, operands: &mut impl Iterator<Item = Tree>, count: usize) -> Option<Tree> {
    if count == 1 {
        return operands.next();
    }
    let left = balanced(op, operands, count.div_ceil(2))?;
    let right = balanced(op, operands, count / 2)?;
    Some(Tree::binary(op, left, right))
}

/// `operator = "+" | "-" | "*" | "/" | "%" | "&" | "|" | "^" | "AND" | "OR"`
/// `         | "=" | "!=" | "<>" | "=~" | "!~" | "<" | "<=" | ">" | ">="`
fn operator(i: Cursor<'_>) -> (Cursor<'_>, Option<BinaryOp>) {
    let (rest, token) = i.token();
    let op = match token {
        Token::Keyword("AND") => BinaryOp::And,
        Token::Keyword("OR") => BinaryOp::Or,
        Token::Symbol(mark) => match mark {
            "+" => BinaryOp::Add,
            "-" => BinaryOp::Sub,
            "*" => BinaryOp::Mul,
            "/" => BinaryOp::Div,
            "%" => BinaryOp::Mod,
            "&" => BinaryOp::BitAnd,
            "|" => BinaryOp::BitOr,
            "^" => BinaryOp::BitXor,
            "=" => BinaryOp::Eq,
            "!=" => BinaryOp::NotEq,
            "=~" => BinaryOp::Match,
            "!~" => BinaryOp::NotMatch,
            "<" => BinaryOp::Less,
            "<=" => BinaryOp::LessEq,
            ">" => BinaryOp::Greater,
            ">=" => BinaryOp::GreaterEq,
            _ => return (i, None),
        },
        _ => return (i, None),
    };
    (rest, Some(op))
}

/// What stands right of `=~` and `!~`.
fn regex_operand(i: Cursor<'_>) -> Parsed<'_, Tree> {
    match regex(i) {
        Ok((rest, regex)) => Ok((rest, Tree::leaf(Expr::Regex(regex)))),
        Err(nom::Err::Error(_)) => Err(expected(i.after_peek(), &["regex"])),
        Err(failure) => Err(failure),
    }
}

/// `operand = "(" expr ")" | call | variable | distinct | wildcard | sign operand`
/// `        | string | number | integer | duration | "TRUE" | "FALSE"`
fn operand(i: Cursor<'_>) -> Parsed<'_, Tree> {
    let i = i.skip_trivia();
    let (rest, token) = i.token_here();
    match token {
        Token::Symbol("(") => nested(rest, parenthesized),
        Token::Symbol("-") => signed(rest, -1),
        Token::Symbol("+") => signed(rest, 1),
        Token::Ident(name) => match symbol_here("(")(rest) {
            Ok((rest, ())) => nested(rest, |i| arguments(i, name.to_lowercase())),
            Err(_) => variable(i),
        },
        Token::Keyword("DISTINCT") => distinct(rest),
        Token::Symbol("*") => wildcard(rest),
        token => literal(i, rest, token),
    }
}

/// `literal = string | number | integer | duration | "TRUE" | "FALSE"`
///
/// Apart from [`operand`], to keep that one's frame small: it is on the stack once per level of nesting.
fn literal<'a>(i: Cursor<'a>, rest: Cursor<'a>, token: Token<'a>) -> Parsed<'a, Tree> {
    let expr = match token {
        Token::Keyword("TRUE") => Expr::Boolean(true),
        Token::Keyword("FALSE") => Expr::Boolean(false),
        Token::String(text) => Expr::String(text.into_owned()),
        Token::Number(text) => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Expr::Number(value),
            _ => return Err(placed(i, "unable to parse number")),
        },
        Token::Integer(text) => match (text.parse(), text.parse()) {
            (Ok(value), _) => Expr::Integer(value),
            (_, Ok(value)) => Expr::Unsigned(value),
            _ => return Err(placed(i, "unable to parse integer")),
        },
        Token::Duration(text) => match lex::duration_value(&text) {
            Ok(value) => Expr::Duration(value),
            Err(message) => return Err(plain(i, message)),
        },
        Token::Regex(_) => return regex_operand(i),
        Token::Param(name) => return Err(plain(i, i.param_fault(&name))),
        _ => return Err(expected_here(i, &["identifier", "string", "number", "bool"])),
    };
    Ok((rest, Tree::leaf(expr)))
}

/// `expr ")"`
fn parenthesized(i: Cursor<'_>) -> Parsed<'_, Tree> {
    let (i, inner) = commit(tree(i))?;
    let (i, ()) = commit(symbol(")")(i))?;
    Ok((i, Tree { expr: Expr::Paren(Box::new(inner.expr)), height: inner.height + 1 }))
}

/// `wildcard = "*" [ "::" ( "FIELD" | "TAG" ) ]`, without spaces
fn wildcard(i: Cursor<'_>) -> Parsed<'_, Tree> {
    let (i, colons) = opt(symbol_here("::")).parse(i)?;
    if colons.is_none() {
        return Ok((i, Tree::leaf(Expr::Wildcard(None))));
    }
    let (rest, kind) = match i.token_here() {
        (rest, Token::Keyword("FIELD")) => (rest, WildcardKind::Field),
        (rest, Token::Keyword("TAG")) => (rest, WildcardKind::Tag),
        _ => return Err(expected_here(i, &["field", "tag"])),
    };
    Ok((rest, Tree::leaf(Expr::Wildcard(Some(kind)))))
}

/// `sign = "+" | "-"`, before a number, a duration, a name, a call or a parenthesis
///
/// A literal takes the sign; anything else becomes `-1 * it`.
fn signed(i: Cursor<'_>, sign: i64) -> Parsed<'_, Tree> {
    match i.token().1 {
        Token::Number(_)
        | Token::Integer(_)
        | Token::Duration(_)
        | Token::Symbol("(")
        | Token::Ident(_) => {}
        _ => return Err(expected(i, &["identifier", "number", "duration", "("])),
    }
    let (rest, operand) = commit(operand(i))?;
    let expr = match operand.expr {
        Expr::Number(value) => Expr::Number(if sign < 0 { -value } else { value }),
        Expr::Integer(value) => Expr::Integer(value.wrapping_mul(sign)),
        Expr::Duration(value) => {
            Expr::Duration(DurationLiteral::from_nanos(value.nanos().wrapping_mul(sign)))
        }
        // The one number that fits with its sign alone.
        Expr::Unsigned(value) if sign < 0 && value == i64::MIN.unsigned_abs() => {
            Expr::Integer(i64::MIN)
        }
        Expr::Unsigned(value) if sign < 0 => {
            return Err(plain(i, format!("constant -{value} underflows int64")));
        }
        Expr::Unsigned(value) => Expr::Unsigned(value),
        _ => {
            let factor = Tree::leaf(Expr::Integer(sign));
            return Ok((rest, Tree::binary(BinaryOp::Mul, factor, operand)));
        }
    };
    Ok((rest, Tree::leaf(expr)))
}

/// `distinct = "DISTINCT" ( "(" arguments | space ident )`
fn distinct(i: Cursor<'_>) -> Parsed<'_, Tree> {
    if let (rest, Some(())) = opt(symbol_here("(")).parse(i)? {
        return nested(rest, |i| arguments(i, "distinct".to_owned()));
    }
    if !i.rest().starts_with([' ', '\t', '\n', '\r']) {
        return Err(expected_here(i, &["(", "identifier"]));
    }
    ident.map(|name| Tree::leaf(Expr::Distinct(name))).parse(i)
}

/// `call = ident "(" [ argument { "," argument } ] ")"`, no space before the parenthesis
fn arguments(i: Cursor<'_>, name: String) -> Parsed<'_, Tree> {
    if let (rest, Some(())) = opt(symbol(")")).parse(i)? {
        return Ok((rest, Tree::leaf(Expr::Call(Call { name, args: Vec::new() }))));
    }
    let (mut i, first) = commit(argument(i))?;
    let mut height = first.height;
    let mut args = vec![first.expr];
    while let (rest, Some(())) = opt(symbol(",")).parse(i)? {
        let (rest, next) = commit(argument(rest))?;
        height = height.max(next.height);
        args.push(next.expr);
        i = rest;
    }
    let (i, ()) = commit(symbol(")")(i))?;
    Ok((i, Tree { expr: Expr::Call(Call { name, args }), height: height + 1 }))
}

/// `argument = regex | expr`
fn argument(i: Cursor<'_>) -> Parsed<'_, Tree> {
    if let (rest, Some(regex)) = opt(regex).parse(i)? {
        return Ok((rest, Tree::leaf(Expr::Regex(regex))));
    }
    tree(i.after_peek())
}

/// `variable = segments [ "::" type ]`, without spaces
///
/// `type = "float" | "integer" | "unsigned" | "string" | "boolean" | "FIELD" | "TAG"`
fn variable(i: Cursor<'_>) -> Parsed<'_, Tree> {
    let (i, segments) = segments(i)?;
    let make = |cast| Tree::leaf(Expr::Variable(VarRef { name: segments.parts.join("."), cast }));
    let (i, colons) = opt(symbol_here("::")).parse(i)?;
    if colons.is_none() {
        return Ok((i, make(None)));
    }
    let (rest, token) = i.token_here();
    let cast = match &token {
        Token::Keyword("FIELD") => DataType::Field,
        Token::Keyword("TAG") => DataType::Tag,
        Token::Ident(name) => match &*name.to_lowercase() {
            "float" => DataType::Float,
            "integer" => DataType::Integer,
            "unsigned" => DataType::Unsigned,
            "string" => DataType::String,
            "boolean" => DataType::Boolean,
            _ => {
                let types = ["float", "integer", "unsigned", "string", "boolean", "field", "tag"];
                return Err(expected_here(i, &types));
            }
        },
        _ => {
            let types = ["float", "integer", "string", "boolean", "field", "tag"];
            return Err(expected_here(i, &types));
        }
    };
    Ok((rest, make(Some(cast))))
}

/// Names joined by dots.
pub(super) struct Segments {
    /// One to three names; one in the middle may be empty.
    pub(super) parts: Vec<String>,
    /// Whether a dot is the last thing read, for a regex or `:MEASUREMENT` follows.
    pub(super) dot: bool,
}

/// `segments = ident { "." [ ident ] }`, no space before a dot; a regex or a colon after a dot ends them
pub(super) fn segments(i: Cursor<'_>) -> Parsed<'_, Segments> {
    let start = i;
    let (mut i, first) = ident(i)?;
    let mut parts = vec![first];
    let mut dot = false;
    while let (rest, Some(())) = opt(symbol_here(".")).parse(i)? {
        i = rest;
        if i.rest().starts_with(['/', ':']) {
            dot = true;
            break;
        }
        if i.rest().starts_with('.') {
            parts.push(String::new());
            continue;
        }
        let (rest, part) = commit(ident(i.after_peek()))?;
        parts.push(part);
        i = rest;
    }
    if parts.len() > 3 {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let message = format!("too many segments in {} at line 1, char 1", quote_ident(&parts));
        return Err(plain(start, message));
    }
    Ok((i, Segments { parts, dot }))
}

/// `condition = "WHERE" expr`
pub(super) fn condition(i: Cursor<'_>) -> Parsed<'_, Option<Expr>> {
    clause("WHERE", expr).parse(i)
}

/// `regex | expr`, as a column or a dimension
pub(super) fn regex_or_expr(i: Cursor<'_>) -> Parsed<'_, Expr> {
    argument(i).map(|(i, tree)| (i, tree.expr))
}
