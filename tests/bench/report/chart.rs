//! Pictures as inline SVG, whose colours are those of the page's style.

use std::fmt::Write;

use super::page::escape;

const ROW: f64 = 26.0;
const LABELS: f64 = 210.0;
const WIDTH: f64 = 760.0;
/// Room for the numbers behind the longest bar.
const NUMBERS: f64 = 70.0;

/// A horizontal bar.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: f64,
    /// A class of the style sheet, for its colour.
    pub(super) class: &'static str,
}

/// Bars from zero, with a line at 1.
pub(super) fn bars(bars: &[Bar], title: &str) -> String {
    let most = bars.iter().map(|bar| bar.value).fold(1.0, f64::max);
    let x = |value: f64| LABELS + value / most * (WIDTH - LABELS - NUMBERS);
    let height = ROW * bars.len() as f64 + 22.0;
    let mut svg = open(height, title);
    for (i, bar) in bars.iter().enumerate() {
        let y = ROW * i as f64;
        label(&mut svg, &bar.label, y);
        let _ = write!(
            svg,
            r#"<rect class="{}" x="{LABELS}" y="{}" width="{:.1}" height="18" rx="2"/>
<text class="number" x="{:.1}" y="{}">{:.3}</text>"#,
            bar.class,
            y + 4.0,
            x(bar.value) - LABELS,
            x(bar.value) + 6.0,
            y + 18.0,
            bar.value,
        );
    }
    let end = height - 18.0;
    let _ = write!(
        svg,
        r#"<line class="base" x1="{0:.1}" y1="0" x2="{0:.1}" y2="{end}"/>
<text class="tick" x="{0:.1}" y="{1}">1</text></svg>"#,
        x(1.0),
        end + 14.0,
    );
    svg
}

/// A row of a chart of ranges: where it begins and ends.
pub(super) struct Range {
    pub(super) label: String,
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) class: &'static str,
}

/// Ranges on a logarithmic axis of microseconds, a dot at each end.
pub(super) fn ranges(ranges: &[Range], title: &str) -> String {
    let least = ranges.iter().map(|range| range.from).fold(f64::MAX, f64::min).max(0.1);
    let most = ranges.iter().map(|range| range.to).fold(least * 2.0, f64::max);
    let (low, high) = (least.log10() - 0.05, most.log10() + 0.05);
    let x = |value: f64| {
        LABELS + (value.max(least).log10() - low) / (high - low) * (WIDTH - LABELS - NUMBERS)
    };
    let height = ROW * ranges.len() as f64 + 22.0;
    let end = height - 18.0;
    let mut svg = open(height, title);
    for power in low.ceil() as i32..=high.floor() as i32 {
        let value = 10f64.powi(power);
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{0:.1}" y1="0" x2="{0:.1}" y2="{end}"/>
<text class="tick" x="{0:.1}" y="{1}">{2}</text>"#,
            x(value),
            end + 14.0,
            crate::latency::time(value),
        );
    }
    for (i, range) in ranges.iter().enumerate() {
        let y = ROW * i as f64;
        label(&mut svg, &range.label, y);
        let (from, to, middle) = (x(range.from), x(range.to), y + 13.0);
        let _ = write!(
            svg,
            r#"<line class="{0} range" x1="{from:.1}" y1="{middle}" x2="{to:.1}" y2="{middle}"/>
<circle class="{0}" cx="{from:.1}" cy="{middle}" r="4"/>
<circle class="{0}" cx="{to:.1}" cy="{middle}" r="4"/>
<text class="number" x="{1:.1}" y="{2}">{3}</text>"#,
            range.class,
            to + 9.0,
            y + 17.0,
            crate::latency::time(range.to),
        );
    }
    svg + "</svg>"
}

fn open(height: f64, title: &str) -> String {
    format!(r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{}">"#, escape(title))
}

fn label(svg: &mut String, text: &str, y: f64) {
    let _ = write!(
        svg,
        r#"<text class="label" x="{}" y="{}">{}</text>"#,
        LABELS - 10.0,
        y + 18.0,
        escape(text)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(svg: &str, attribute: &str) -> Vec<f64> {
        let start = format!(" {attribute}=\"");
        let parts = svg.split(&start).skip(1);
        parts.map(|part| part.split('"').next().unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn bars_are_as_long_as_their_values() {
        let bar = |value| Bar { label: "a < b".to_owned(), value, class: "floor" };
        let svg = bars(&[bar(1.0), bar(2.0), bar(4.0)], "t");
        let widths = numbers(&svg, "width");
        assert_eq!(widths, [120.0, 240.0, 480.0]);
        assert!(svg.contains("a &lt; b") && svg.ends_with("</svg>"));
    }

    #[test]
    fn ranges_stand_on_a_logarithmic_axis() {
        let range = |from, to| Range { label: String::new(), from, to, class: "floor" };
        let svg = ranges(&[range(10.0, 100.0), range(100.0, 1000.0)], "t");
        let dots = numbers(&svg, "cx");
        assert_eq!(dots.len(), 4);
        assert!((dots[1] - dots[2]).abs() < 0.2);
        assert!(((dots[1] - dots[0]) - (dots[3] - dots[2])).abs() < 0.3);
    }
}
