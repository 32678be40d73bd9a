//! The models as curves over the number of clients: requests a second, latency, memory. One self-contained file.

use std::io::{self, Write};

use super::{Figures, Row};

const WIDTH: usize = 800;
const PANEL: usize = 240;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 690.0;
const HEIGHT: f64 = 170.0;

/// Colours that are told apart by those who see few as well (Okabe and Ito).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// What a panel shows of a row.
struct Panel {
    title: &'static str,
    value: fn(&Figures) -> Option<f64>,
    /// Ten times as much is as far as from 1 to 10: for values that go over several powers of ten.
    logarithmic: bool,
}

const PANELS: [Panel; 3] = [
    Panel { title: "requests a second", value: |figures| Some(figures.rate), logarithmic: false },
    Panel {
        title: "latency, 99 of 100 are below, in ms",
        value: |figures| figures.p99.map(|time| time.as_secs_f64() * 1e3),
        logarithmic: true,
    },
    Panel {
        title: "memory of the server, in MiB",
        value: |figures| Some(figures.memory as f64 / f64::from(1 << 20)),
        logarithmic: true,
    },
];

/// Draws three panels, one under the other, with a curve for each model.
pub fn svg(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    let mut models: Vec<&str> = Vec::new();
    let mut counts: Vec<usize> = Vec::new();
    for row in rows {
        if !models.contains(&row.model) {
            models.push(row.model);
        }
        counts.push(row.clients);
    }
    counts.sort_unstable();
    counts.dedup();
    let height = PANEL * PANELS.len();
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">"
    )?;
    writeln!(out, "<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>")?;
    for (place, panel) in PANELS.iter().enumerate() {
        panel.draw(rows, &models, &counts, (place * PANEL) as f64, out)?;
    }
    writeln!(out, "</svg>")
}

impl Panel {
    fn draw(&self, rows: &[Row], models: &[&str], counts: &[usize], top: f64, out: &mut dyn Write) -> io::Result<()> {
        let value = |row: &Row| (self.value)(row.result.as_ref().ok()?).filter(|value| value.is_finite());
        let values: Vec<f64> = rows.iter().filter_map(value).filter(|value| *value > 0.0).collect();
        let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let least = if self.logarithmic { values.iter().copied().fold(most, f64::min) / 1.5 } else { 0.0 };
        let foot = top + 30.0 + HEIGHT;
        let y = |value: f64| {
            let share = if self.logarithmic { (value / least).ln() / (most / least).ln() } else { value / most };
            foot - share.clamp(0.0, 1.0) * HEIGHT
        };
        let x = |clients: usize| {
            let place = counts.iter().position(|count| *count == clients).unwrap_or(0);
            LEFT + (RIGHT - LEFT) * (place as f64 + 0.5) / counts.len().max(1) as f64
        };

        writeln!(out, "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{}</text>", top + 18.0, self.title)?;
        for mark in self.marks(least, most) {
            let at = y(mark);
            writeln!(out, "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{RIGHT}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>")?;
            writeln!(out, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{mark}</text>", LEFT - 6.0, at + 4.0)?;
        }
        for clients in counts {
            let at = x(*clients);
            writeln!(out, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{clients}</text>", foot + 18.0)?;
        }
        writeln!(out, "<text x=\"{}\" y=\"{}\">clients</text>", RIGHT + 6.0, foot + 18.0)?;
        for ((place, model), colour) in models.iter().enumerate().zip(COLOURS.iter().cycle()) {
            let points: Vec<(f64, f64)> = rows
                .iter()
                .filter(|row| row.model == *model)
                .filter_map(|row| Some((x(row.clients), y(value(row)?))))
                .collect();
            let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            writeln!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                path.join(" ")
            )?;
            for (x, y) in points {
                writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>")?;
            }
            let at = top + 40.0 + place as f64 * 18.0;
            writeln!(out, "<text x=\"{}\" y=\"{at}\" fill=\"{colour}\">{model}</text>", RIGHT + 14.0)?;
        }
        Ok(())
    }

    /// Round values at which lines are drawn.
    fn marks(&self, least: f64, most: f64) -> Vec<f64> {
        if self.logarithmic {
            let powers = least.log10().floor() as i32..=most.log10().ceil() as i32;
            let within = |mark: &f64| (least..=most).contains(mark);
            let marks: Vec<f64> = powers.clone().map(|power| 10f64.powi(power)).filter(within).collect();
            if marks.len() > 2 {
                return marks;
            }
            let finer = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|times| times * 10f64.powi(power)));
            return finer.filter(within).collect();
        }
        let rough = most / 4.0;
        let unit = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * unit).find(|step| *step >= rough);
        let step = step.unwrap_or(most).max(f64::MIN_POSITIVE);
        (0..=5).map(|times| f64::from(times) * step).filter(|mark| *mark <= most).collect()
    }
}
