//! Tables, plots and sentences over made-up figures.

use super::*;

fn row(model: &'static str, clients: usize, rate: f64, threads: u64, memory_kib: u64) -> Row {
    let figures = Figures {
        rate,
        p50: Some(Duration::from_micros(80)),
        p99: Some(Duration::from_micros(1500)),
        work: Duration::from_micros(20),
        memory: memory_kib << 10,
        threads,
        switches: threads as f64,
        served: clients,
        failed: 0,
    };
    Row { model, clients, result: Ok(figures) }
}

fn rows() -> Vec<Row> {
    let mut starved = row("sequential", 1000, 900.0, 1, 1000);
    if let Ok(figures) = &mut starved.result {
        figures.served = 1;
        figures.failed = 3;
    }
    let beyond = Row { model: "select", clients: 1000, result: Err("beyond its limit <1>".to_owned()) };
    vec![
        row("sequential", 1, 1000.0, 1, 1000),
        row("thread", 1, 990.0, 2, 1000),
        row("select", 1, 980.0, 1, 1000),
        starved,
        row("thread", 1000, 5000.0, 1001, 9992),
        beyond,
        row("selectors", 1000, 4900.0, 1, 1000),
    ]
}

fn shown(write: impl Fn(&[Row], &mut dyn Write) -> io::Result<()>, rows: &[Row]) -> String {
    let mut out = Vec::new();
    write(rows, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_table_names_each_count_once_and_says_why_a_row_is_empty() {
    let text = shown(|rows, out| write(rows, 80, Palette::new(false), out), &rows());
    assert_eq!(text.lines().filter(|line| line.trim_start().starts_with("1000  ")).count(), 1, "{text}");
    assert!(text.contains("Not measured: select with 1000 clients: beyond its limit <1>."), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn the_sentences_quote_the_numbers_and_only_what_they_show() {
    let text = lessons::of(&rows()).join("\n");
    for said in [
        "sequential answered 1000 requests a second, select 980",
        "1000 clients, of the models that answered them all: thread answered most, 5000 requests a second; selectors least",
        "sequential answered only 1 of 1000 clients",
        "1001 threads and 9.8 MiB with 1000: 9.0 KiB for each further thread",
        "sequential with 1000 clients (3)",
    ] {
        assert!(text.contains(said), "{said:?} is not in:\n{text}");
    }
    assert!(!text.contains("it asks about every socket"), "select was not measured twice:\n{text}");
    assert!(lessons::of(&[]).is_empty());
    assert!(
        !lessons::of(&rows()[..1]).iter().any(|lesson| lesson.contains("One client")),
        "one model is no comparison"
    );
}

#[test]
fn json_has_an_object_for_each_row() {
    let text = shown(json, &rows());
    let objects: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 7);
    assert_eq!(objects[4]["requests_per_second"], 5000.0);
    assert_eq!(objects[4]["p99_us"], 1500);
    assert_eq!(objects[5]["not_measured"], "beyond its limit <1>");
}

#[test]
fn the_plot_has_a_curve_for_each_model_in_each_panel_and_stays_inside() {
    let text = shown(svg, &rows());
    assert_eq!(text.matches("<polyline").count(), 12, "{text}");
    assert_eq!(text.matches("<circle").count(), 18, "{text}");
    for at in text.split("cy=\"").skip(1) {
        let at: f64 = at.split('"').next().unwrap().parse().unwrap();
        assert!((0.0..720.0).contains(&at), "{at}");
    }
    assert!(shown(svg, &[]).ends_with("</svg>\n"));
    assert!(!shown(svg, &rows()[..1]).contains("NaN"));
}
