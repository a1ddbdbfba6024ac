//! Light and dark: the colours of everything a chart draws, and the style sheet that switches between them.
//!
//! Light values stand in presentation attributes, because sanitisers strip `<style>` and what has no attribute falls
//! back to black. Dark values override them through classes, all of which begin with `sc-`.

use std::fmt::Write;

use crate::Color;

/// Where a chart takes its colours from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Theme {
    /// Light, or dark where the reader's system asks for it: the file carries its own style sheet.
    #[default]
    Auto,
    /// Light, whatever the reader prefers.
    Light,
    /// Dark, whatever the reader prefers.
    Dark,
    /// For charts inside an HTML page that holds [`stylesheet`] once: no `<style>` of its own (so that a strict
    /// content security policy can forbid it) and no background.
    Page,
}

/// One thing's colour in both themes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Paint {
    /// On a light background.
    pub light: Color,
    /// On a dark background.
    pub dark: Color,
}

impl Paint {
    /// The same colour in both themes.
    #[must_use]
    pub const fn same(color: Color) -> Self {
        Paint { light: color, dark: color }
    }

    const fn of(light: u32, dark: u32) -> Self {
        Paint { light: Color::from_u32(light), dark: Color::from_u32(dark) }
    }
}

/// The colours of series, in order: those of Okabe and Ito, which the colour-blind can tell apart, with the pale ones
/// darkened until a thin line of them stands out from white, and the dark ones lightened for a dark background.
pub const PALETTE: [Paint; 7] = [
    Paint::of(0x0072b2, 0x4aa8e8),
    Paint::of(0xd55e00, 0xf28544),
    Paint::of(0x009e73, 0x2fc39a),
    Paint::of(0xc0669a, 0xe09bc5),
    Paint::of(0x3d9cd2, 0x8fd3f7),
    Paint::of(0xc48400, 0xf0b429),
    Paint::of(0x4a5361, 0xc9d1d9),
];

/// Dash patterns, in pixels; the next one begins when the colours have all been used.
pub(crate) const DASHES: [&[u16]; 4] = [&[], &[6, 3], &[2, 3], &[9, 3, 2, 3]];

/// What a colour is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Background,
    Text,
    Muted,
    Grid,
    Axis,
    Good,
    Warning,
    Critical,
    /// A place in [`PALETTE`].
    Series(usize),
    /// A colour that the caller chose.
    Own(Color),
}

/// The fixed roles with their classes.
const ROLES: [(Role, &str, Paint); 8] = [
    (Role::Background, "bg", Paint::of(0xffffff, 0x14171c)),
    (Role::Text, "text", Paint::of(0x1f2630, 0xe3e7ec)),
    (Role::Muted, "muted", Paint::of(0x5c6674, 0x98a2af)),
    (Role::Grid, "grid", Paint::of(0xe6e9ed, 0x292f37)),
    (Role::Axis, "axis", Paint::of(0xb3bbc5, 0x4c5561)),
    (Role::Good, "good", Paint::of(0x1a7f37, 0x3fb950)),
    (Role::Warning, "warning", Paint::of(0x9a6700, 0xe3b341)),
    (Role::Critical, "critical", Paint::of(0xcf222e, 0xff7b72)),
];

impl Role {
    /// The colour in both themes.
    pub(crate) fn paint(self) -> Paint {
        match self {
            Role::Series(index) => PALETTE[index % PALETTE.len()],
            Role::Own(color) => Paint::same(color),
            role => ROLES.iter().find(|(known, ..)| *known == role).map_or(PALETTE[6], |r| r.2),
        }
    }

    const fn is_status(self) -> bool {
        matches!(self, Role::Good | Role::Warning | Role::Critical)
    }

    /// The class that carries the dark value, without its prefix; none for a caller's own colour.
    fn class(self) -> Option<Class> {
        match self {
            Role::Series(index) => Some(Class::Series(index % PALETTE.len())),
            Role::Own(_) => None,
            role => ROLES.iter().find(|(known, ..)| *known == role).map(|r| Class::Named(r.1)),
        }
    }
}

enum Class {
    Named(&'static str),
    Series(usize),
}

/// Whether a colour fills or outlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Fill,
    Stroke,
}

impl Use {
    const fn property(self) -> &'static str {
        match self {
            Use::Fill => "fill",
            Use::Stroke => "stroke",
        }
    }
}

/// Appends the attributes that give an element the colour of `role`: ` fill="#ffffff" class="sc-bg"`.
pub(crate) fn paint_attributes(out: &mut String, theme: Theme, how: Use, role: Role) {
    let paint = role.paint();
    let color = if theme == Theme::Dark { paint.dark } else { paint.light };
    let property = how.property();
    // Writing to a String cannot fail.
    let _ = write!(out, " {property}=\"{color}\"");
    if matches!(theme, Theme::Light | Theme::Dark) {
        return;
    }
    let _ = match role.class() {
        Some(Class::Named(name)) if how == Use::Stroke && role.is_status() => {
            write!(out, " class=\"sc-{name}-line\"")
        }
        Some(Class::Named(name)) => write!(out, " class=\"sc-{name}\""),
        Some(Class::Series(index)) => write!(out, " class=\"sc-{}{index}\"", &property[..1]),
        None => Ok(()),
    };
}

/// The rules that give every class its light or its dark value.
fn rules(out: &mut String, dark: bool, selector: &str) {
    let pick = |paint: Paint| if dark { paint.dark } else { paint.light };
    for (role, name, paint) in ROLES {
        let property = if matches!(role, Role::Grid | Role::Axis) { "stroke" } else { "fill" };
        let color = pick(paint);
        let _ = write!(out, "{selector}.sc-{name}{{{property}:{color}}}");
        if role.is_status() {
            let _ = write!(out, "{selector}.sc-{name}-line{{stroke:{color}}}");
        }
    }
    for (index, paint) in PALETTE.iter().enumerate() {
        let color = pick(*paint);
        let _ = write!(
            out,
            "{selector}.sc-s{index}{{stroke:{color}}}{selector}.sc-f{index}{{fill:{color}}}"
        );
    }
}

/// The rules of a file that stands alone.
pub(crate) fn embedded_style(out: &mut String) {
    out.push_str("<style>@media(prefers-color-scheme:dark){");
    rules(out, true, "");
    out.push_str("}</style>");
}

/// The style sheet for pages with charts of [`Theme::Page`].
///
/// Dark where the reader's system prefers it, unless an element around the chart (usually `<html>`) has the
/// attribute `data-theme="light"`; dark in any case inside `data-theme="dark"`. Light on paper.
///
/// The classes are `sc-bg`, `sc-text`, `sc-muted`, `sc-good`, `sc-warning`, `sc-critical` (fill), `sc-grid`, `sc-axis`,
/// `sc-good-line`, `sc-warning-line`, `sc-critical-line` (stroke), and `sc-s0`… (stroke) and `sc-f0`… (fill) for the places of [`PALETTE`].
///
/// ```
/// assert!(stripchart_render::stylesheet().contains("prefers-color-scheme:dark"));
/// ```
#[must_use]
pub fn stylesheet() -> String {
    let mut out = String::new();
    rules(&mut out, false, "");
    out.push_str("@media screen and (prefers-color-scheme:dark){");
    rules(&mut out, true, ":root:not([data-theme=light]) ");
    out.push_str("}@media screen{");
    rules(&mut out, true, "[data-theme=dark] ");
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_stands_out_from_its_background_and_every_text_is_readable() {
        let background = Role::Background.paint();
        for (index, paint) in PALETTE.iter().enumerate() {
            let (light, dark) =
                (paint.light.contrast(background.light), paint.dark.contrast(background.dark));
            assert!(light >= 3.0 && dark >= 3.0, "series {index}: {light:.2} {dark:.2}");
        }
        for role in [Role::Text, Role::Muted, Role::Good, Role::Warning, Role::Critical] {
            let paint = role.paint();
            let (light, dark) =
                (paint.light.contrast(background.light), paint.dark.contrast(background.dark));
            assert!(light >= 4.5 && dark >= 4.5, "{role:?}: {light:.2} {dark:.2}");
        }
    }
}
