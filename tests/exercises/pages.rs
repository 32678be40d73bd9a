//! The pages of the exercises, and the list of them, in terminals that are not wide.

use netlab::exercise::ALL;

use crate::programs::*;

#[test]
fn every_page_fits_80_columns_but_for_what_programs_print() {
    for exercise in ALL {
        for name in exercise.names {
            let output = netlab(&["exercises", name]).env("COLUMNS", "80").output().expect("netlab exercises");
            let page = text(&output.stdout);
            assert!(output.status.success() && page.starts_with(name) || exercise.names.len() > 1, "{output:?}");
            // A line that a program prints is shown as it is, however long.
            let printed = |line: &str| line.starts_with("    ") && !line.trim_start().contains("  ");
            let wide = page.lines().find(|line| line.chars().count() > 80 && !printed(line));
            assert_eq!(wide, None, "in the page of {name}");
            for heading in ["The task", "What is printed", "On the wire", "Usual mistakes", "Commands"] {
                assert!(page.lines().any(|line| line == heading), "the page of {name} has no {heading:?}");
            }
            assert!(page.contains(&format!("netlab demo {}", exercise.name())), "{name}");
        }
    }
}

#[test]
fn the_list_has_a_line_for_each_exercise_where_nobody_looks_at_it() {
    let output = netlab(&["exercises"]).env("COLUMNS", "40").output().expect("netlab exercises");
    let list = text(&output.stdout);
    assert_eq!(list.lines().count(), ALL.len());
    for (line, exercise) in list.lines().zip(ALL) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        assert!(line.starts_with(&exercise.names.join(", ")) && line.ends_with(exercise.teaches), "{line}");
        assert!(fields.contains(&exercise.transport.name()) && fields.contains(&exercise.port.to_string().as_str()));
    }
}
