//! The labs that come with netlab. Each is a file as anybody could write it: `netlab lab show NAME --toml` prints it.

/// A lab by its name.
#[derive(Debug)]
pub struct Preset {
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

pub const ALL: [Preset; 4] = [
    Preset { name: "home", text: include_str!("presets/home.toml") },
    Preset { name: "two-nats", text: include_str!("presets/two-nats.toml") },
    Preset { name: "cgnat", text: include_str!("presets/cgnat.toml") },
    Preset { name: "switch", text: include_str!("presets/switch.toml") },
];

pub fn of_name(name: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{file, operation};

    #[test]
    fn every_preset_is_a_lab_that_can_be_built() {
        for preset in &ALL {
            let topology = file::read(preset.text).unwrap_or_else(|error| panic!("{}: {error}", preset.name));
            assert!(!topology.title.is_empty(), "{} says what it is", preset.name);
            let plan = operation::plan(&topology, true).unwrap();
            assert!(plan.operations.len() > 10, "{}", preset.name);
            assert_eq!(
                file::read(&file::write(&topology)).unwrap(),
                topology,
                "{} survives being written",
                preset.name
            );
        }
    }
}
