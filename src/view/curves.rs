//! Curves over sizes as SVG 1.1: one file that needs nothing else and follows the reader's light or dark. Both axes are
//! logarithmic, as sizes and rates are.

use std::fmt::Write;

/// A picture of several panels, one beside the other.
#[derive(Debug)]
pub struct Picture<'a> {
    pub title: &'a str,
    /// What the vertical axes measure.
    pub measure: &'a str,
    /// Writes a value of the vertical axis in words.
    pub words: fn(f64) -> String,
    pub panels: Vec<Panel<'a>>,
}

/// One curve: values over sizes in bytes, both above 0.
#[derive(Debug)]
pub struct Panel<'a> {
    pub title: &'a str,
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 80.0;
const TOP: f64 = 70.0;
const GAP: f64 = 40.0;
const FOOT: f64 = 60.0;

const STYLE: &str = "\
  <style>
    text { font-family: sans-serif; font-size: 12px; fill: #1b1b1b }
    .faint { fill: #5f6368 } .paper { fill: #ffffff } .grid { stroke: #d5d8dc } .curve { stroke: #075f7a; fill: none }
    .dot { fill: #075f7a }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6e6e6 } .faint { fill: #9aa0a6 } .paper { fill: #16181d } .grid { stroke: #3a3f46 }
      .curve { stroke: #5cc8e6 } .dot { fill: #5cc8e6 }
    }
  </style>
";

impl Picture<'_> {
    /// The whole file. Whole units only, so that the same values give the same bytes.
    pub fn svg(&self) -> String {
        let values = || self.panels.iter().flat_map(|panel| &panel.points).map(|(_, value)| *value);
        let (low, high) = decades(values());
        let width = LEFT + self.panels.len() as f64 * (WIDTH + GAP);
        let height = TOP + HEIGHT + FOOT;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\">\n{STYLE}  \
             <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n  \
             <text x=\"{LEFT:.0}\" y=\"24\" font-weight=\"bold\">{}</text>\n  \
             <text class=\"faint\" x=\"{LEFT:.0}\" y=\"42\">{}</text>\n",
            escaped(self.title),
            escaped(self.measure)
        );
        let y = |value: f64| TOP + HEIGHT * (1.0 - (value.log10() - low) / (high - low));
        for (place, panel) in self.panels.iter().enumerate() {
            let left = LEFT + place as f64 * (WIDTH + GAP);
            let mut decade = low;
            while decade <= high + 0.01 {
                let (value, at) = (10f64.powf(decade), y(10f64.powf(decade)));
                let right = left + WIDTH;
                _ = writeln!(
                    out,
                    "  <line class=\"grid\" x1=\"{left:.0}\" y1=\"{at:.0}\" x2=\"{right:.0}\" y2=\"{at:.0}\"/>"
                );
                if place == 0 {
                    let at = at + 4.0;
                    let end = left - 8.0;
                    let words = escaped(&(self.words)(value));
                    _ = writeln!(
                        out,
                        "  <text class=\"faint\" x=\"{end:.0}\" y=\"{at:.0}\" text-anchor=\"end\">{words}</text>"
                    );
                }
                decade += 1.0;
            }
            panel.draw(left, y, &mut out);
        }
        out.push_str("</svg>\n");
        out
    }
}

impl Panel<'_> {
    fn draw(&self, left: f64, y: impl Fn(f64) -> f64, out: &mut String) {
        let sizes = || self.points.iter().map(|(size, _)| size.log2());
        let (low, high) = (sizes().fold(f64::MAX, f64::min), sizes().fold(f64::MIN, f64::max));
        let x = |size: f64| {
            let share = if high > low { (size.log2() - low) / (high - low) } else { 0.5 };
            left + 12.0 + (WIDTH - 24.0) * share
        };
        let (middle, title) = (left + WIDTH / 2.0, TOP - 8.0);
        _ = writeln!(
            out,
            "  <text x=\"{middle:.0}\" y=\"{title:.0}\" text-anchor=\"middle\">{}</text>",
            escaped(self.title)
        );
        let path: Vec<String> =
            self.points.iter().map(|(size, value)| format!("{:.0},{:.0}", x(*size), y(*value))).collect();
        _ = writeln!(out, "  <polyline class=\"curve\" stroke-width=\"2\" points=\"{}\"/>", path.join(" "));
        for (size, value) in &self.points {
            let (at, height, foot) = (x(*size), y(*value), TOP + HEIGHT + 18.0);
            _ = writeln!(out, "  <circle class=\"dot\" cx=\"{at:.0}\" cy=\"{height:.0}\" r=\"3\"/>");
            _ = writeln!(
                out,
                "  <text class=\"faint\" x=\"{at:.0}\" y=\"{foot:.0}\" text-anchor=\"middle\">{}</text>",
                bytes(*size)
            );
        }
    }
}

/// The whole powers of ten around the values.
fn decades(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return (0.0, 1.0);
    }
    let (low, high) = (low.log10().floor(), high.log10().ceil());
    (low, if high > low { high } else { low + 1.0 })
}

/// A size in as few letters as an axis has room for.
pub fn bytes(size: f64) -> String {
    match size {
        size if size >= 1_048_576.0 => format!("{:.0}M", size / 1_048_576.0),
        size if size >= 1024.0 => format!("{:.0}K", size / 1024.0),
        size => format!("{size:.0}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(points: Vec<(f64, f64)>) -> String {
        let panels = vec![Panel { title: "a < b", points }];
        Picture { title: "speed", measure: "bytes a second", words: |value| format!("{value:.0}"), panels }.svg()
    }

    #[test]
    fn a_point_each_and_the_decades_as_a_grid() {
        let svg = picture(vec![(1.0, 20.0), (1024.0, 900.0), (1_048_576.0, 5000.0)]);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains(">10</text>") && svg.contains(">10000</text>"), "{svg}");
        assert!(svg.contains(">1K</text>") && svg.contains(">1M</text>") && svg.contains("a &lt; b"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn one_point_or_none_is_drawn_as_well() {
        for points in [vec![], vec![(5.0, 10.0)]] {
            let svg = picture(points);
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
