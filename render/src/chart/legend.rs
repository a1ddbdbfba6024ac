//! The legend below a chart: a table of statistics where there is room for it, else names in a line.

use std::borrow::Cow;

use stripchart_core::Unit;

use crate::svg::Svg;
use crate::text;
use crate::theme::Role;
use crate::units::format_or_dash;
use crate::{Legend, LegendRow};

/// Size of the text and height of a line, in pixels.
pub(crate) const TEXT_PX: u32 = 11;
const LINE_PX: u32 = 17;
/// Room above the first line and at the sides.
const ABOVE_PX: u32 = 6;
const SIDE_PX: u32 = 12;
/// The swatch with the room after it.
const SWATCH_PX: u32 = 20;
/// Room between columns of the table, and between names.
const COLUMN_GAP_PX: u32 = 18;
const NARROWEST_LABEL_PX: u32 = 48;

/// How a series' swatch looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Swatch {
    pub(crate) role: Role,
    pub(crate) dash: &'static [u16],
    /// A block for areas and bars, a stroke for lines.
    pub(crate) block: bool,
}

/// A legend with everything in its place.
#[derive(Debug)]
pub(crate) struct LegendLayout<'r> {
    cells: Vec<Cell<'r>>,
    pub(crate) height: u32,
}

/// A text or a swatch; positions in pixels from the legend's left upper corner.
#[derive(Debug)]
struct Cell<'r> {
    x: u32,
    baseline: u32,
    kind: CellKind<'r>,
}

#[derive(Debug)]
enum CellKind<'r> {
    Swatch(usize),
    Text(TextKind, Cow<'r, str>),
}

/// Texts of one kind look alike. Heads and numbers end at their position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextKind {
    Label,
    Note,
    Head,
    Number,
}

impl<'r> LegendLayout<'r> {
    /// Lays the legend of `rows` out on `width` by at most `max_height` pixels.
    pub(crate) fn new(
        kind: Legend,
        rows: &'r [LegendRow],
        unit: Unit,
        width: u32,
        max_height: u32,
    ) -> Self {
        let lines = max_height.saturating_sub(ABOVE_PX) / LINE_PX;
        let mut layout = LegendLayout { cells: Vec::new(), height: 0 };
        let inner = width.saturating_sub(2 * SIDE_PX);
        if rows.is_empty() || lines == 0 || inner < SWATCH_PX + NARROWEST_LABEL_PX {
            return layout;
        }
        let used = match kind {
            Legend::Hidden => 0,
            Legend::Stats if lines >= 2 => layout
                .table(rows, unit, inner, lines)
                .unwrap_or_else(|| layout.names(rows, inner, lines)),
            Legend::Stats | Legend::Names => layout.names(rows, inner, lines),
        };
        layout.height = if used == 0 { 0 } else { ABOVE_PX + used * LINE_PX + 4 };
        layout
    }

    fn push(&mut self, x: u32, line: u32, kind: CellKind<'r>) {
        let baseline = ABOVE_PX + line * LINE_PX + 12;
        self.cells.push(Cell { x: x + SIDE_PX, baseline, kind });
    }

    /// A row for each series; the lines used, or none if there is no room for numbers.
    fn table(&mut self, rows: &'r [LegendRow], unit: Unit, inner: u32, lines: u32) -> Option<u32> {
        let room = usize::try_from(lines - 1).unwrap_or(usize::MAX);
        let shown = if rows.len() > room { room.saturating_sub(1) } else { rows.len() };
        if shown == 0 {
            return None;
        }
        let columns = columns(&rows[..shown], unit);
        let labels = rows[..shown].iter().map(|row| text::width(&row.label, TEXT_PX)).max()?;
        let labels = labels.clamp(NARROWEST_LABEL_PX, (inner / 2).max(NARROWEST_LABEL_PX));
        // From the left those columns go first that say least about now.
        let first = (0..columns.len()).find(|first| {
            let numbers: u32 = columns[*first..].iter().map(|c| c.width + COLUMN_GAP_PX).sum();
            SWATCH_PX + labels + numbers <= inner
        })?;
        for (row, line) in rows[..shown].iter().zip(1..) {
            let index = (line - 1) as usize;
            self.push(0, line, CellKind::Swatch(index));
            self.push(
                SWATCH_PX,
                line,
                text_cell(TextKind::Label, text::fit(&row.label, TEXT_PX, labels)),
            );
        }
        let mut end = SWATCH_PX + labels;
        for column in columns.into_iter().skip(first) {
            end += COLUMN_GAP_PX + column.width;
            self.push(end, 0, text_cell(TextKind::Head, column.head));
            for (text, line) in column.texts.into_iter().zip(1..) {
                self.push(end, line, text_cell(TextKind::Number, text));
            }
        }
        let mut used = u32::try_from(shown).unwrap_or(u32::MAX) + 1;
        if shown < rows.len() {
            let note = format!("and {} more", rows.len() - shown);
            self.push(SWATCH_PX, used, text_cell(TextKind::Note, note));
            used += 1;
        }
        Some(used)
    }

    /// Names one after the other; the lines used.
    fn names(&mut self, rows: &'r [LegendRow], inner: u32, lines: u32) -> u32 {
        let (mut x, mut line) = (0, 0);
        for (index, row) in rows.iter().enumerate() {
            let label = text::fit(&row.label, TEXT_PX, inner - SWATCH_PX);
            let width = SWATCH_PX + text::width(&label, TEXT_PX);
            let left = rows.len() - index;
            let note = format!("+{left}");
            // On the last line room is kept for the count of those that have none.
            let spare = if line + 1 == lines && left > 1 { 40 } else { 0 };
            if x > 0 && x + width + spare > inner {
                if line + 1 == lines {
                    self.push(x, line, text_cell(TextKind::Note, note));
                    break;
                }
                (x, line) = (0, line + 1);
            }
            self.push(x, line, CellKind::Swatch(index));
            self.push(x + SWATCH_PX, line, text_cell(TextKind::Label, label));
            x += width + COLUMN_GAP_PX;
        }
        line + 1
    }

    /// Draws it with its upper edge at `top`; `swatches` in the order of rows.
    pub(crate) fn draw(&self, svg: &mut Svg<'_>, top: u32, swatches: &[Swatch]) {
        if self.cells.is_empty() {
            return;
        }
        for cell in &self.cells {
            if let CellKind::Swatch(index) = cell.kind
                && let Some(swatch) = swatches.get(index)
            {
                swatch.draw(svg, cell.x, top + cell.baseline);
            }
        }
        for kind in [TextKind::Label, TextKind::Note, TextKind::Head, TextKind::Number] {
            self.draw_texts(svg, top, kind);
        }
    }

    fn draw_texts(&self, svg: &mut Svg<'_>, top: u32, wanted: TextKind) {
        let texts = self.cells.iter().filter_map(|cell| match &cell.kind {
            CellKind::Text(kind, text) if *kind == wanted => Some((cell, text)),
            _ => None,
        });
        let mut texts = texts.peekable();
        if texts.peek().is_none() {
            return;
        }
        let muted = matches!(wanted, TextKind::Note | TextKind::Head);
        let end = matches!(wanted, TextKind::Head | TextKind::Number);
        svg.raw("<g").fill(if muted { Role::Muted } else { Role::Text });
        svg.raw(if end { " text-anchor=\"end\">" } else { ">" });
        for (cell, text) in texts {
            place(svg, "<text x=\"", cell.x, "\" y=\"", top + cell.baseline);
            svg.raw("\">").text(text).raw("</text>");
        }
        svg.raw("</g>");
    }
}

fn text_cell<'r>(kind: TextKind, text: impl Into<Cow<'r, str>>) -> CellKind<'r> {
    CellKind::Text(kind, text.into())
}

impl Swatch {
    fn draw(self, svg: &mut Svg<'_>, x: u32, baseline: u32) {
        if self.block {
            place(svg, "<rect x=\"", x + 1, "\" y=\"", baseline - 9);
            svg.raw("\" width=\"11\" height=\"10\" rx=\"2\"").fill(self.role);
            // As in the chart: pale with a dashed edge once the colours have come round.
            if self.dash.is_empty() {
                svg.raw("/>");
            } else {
                svg.raw(" fill-opacity=\".35\"/>");
                place(svg, "<path fill=\"none\" d=\"M", x + 1, " ", baseline - 9);
                svg.raw("h11v10h-11z\"").stroke(self.role).dash(&[3, 2], 1).raw("/>");
            }
        } else {
            place(svg, "<path d=\"M", x, " ", baseline - 4);
            svg.raw("h14\" stroke-width=\"2.5\"").stroke(self.role).dash(self.dash, 1).raw("/>");
        }
    }
}

/// Two lengths after their markup.
fn place(svg: &mut Svg<'_>, before: &'static str, x: u32, between: &'static str, y: u32) {
    svg.raw(before).int(px(x)).raw(between).int(px(y));
}

fn px(length: u32) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

struct Column {
    head: &'static str,
    texts: Vec<String>,
    width: u32,
}

fn columns(rows: &[LegendRow], unit: Unit) -> [Column; 4] {
    let column = |head: &'static str, value: fn(&LegendRow) -> Option<f64>| {
        let texts: Vec<_> = rows.iter().map(|row| format_or_dash(value(row), unit)).collect();
        let widths = texts.iter().map(String::as_str).chain([head]);
        let width = widths.map(|text| text::width(text, TEXT_PX)).max().unwrap_or(0);
        Column { head, texts, width }
    };
    [
        column("min", |row| row.min),
        column("mean", |row| row.mean),
        column("max", |row| row.max),
        column("last", |row| row.last),
    ]
}
