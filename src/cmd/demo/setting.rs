//! The stage of a demonstration that has several hosts: its lab, the columns, and where packets are captured.

use anyhow::Context;

use crate::cmd::lab::place::{self, Place};
use crate::exercise::Exercise;
use crate::exercise::demo::{Actor, Lab, Stage};
use crate::io::bpf::Selection;
use crate::io::{lab, pcap};
use crate::lab::{Topology, file, operation};
use crate::view::ladder::{Ground, Program};

/// A lab, and what of it is shown.
#[derive(Clone)]
pub struct Setting {
    lab: &'static Lab,
    topology: Topology,
    places: Vec<Place>,
}

impl Setting {
    /// That of an exercise; `None` where it is played on one host.
    pub fn of(exercise: &Exercise) -> anyhow::Result<Option<Self>> {
        let Stage::Lab(lab) = exercise.demo.stage else { return Ok(None) };
        let topology = file::read(lab.topology).with_context(|| format!("the lab of {}", exercise.name()))?;
        let wanted: Vec<String> = lab.places.iter().map(|&place| place.to_owned()).collect();
        let places = place::places(&topology, &wanted)?;
        Ok(Some(Self { lab, topology, places }))
    }

    /// Builds the lab in the namespaces that this process is in.
    pub fn build(&self) -> anyhow::Result<lab::Stage> {
        let plan = operation::plan(&self.topology, lab::nft().is_some())?;
        lab::Stage::build(&self.topology, &plan, 1).map_err(crate::cmd::lab::told)
    }

    /// From here on the kernel captures.
    pub fn open(&self, stage: &lab::Stage, ring: u32) -> anyhow::Result<pcap::Opened> {
        let selection = Selection { expression: Some(self.lab.filter.to_owned()), ..Selection::default() };
        let options = pcap::Options { selection, buffer: ring, ..pcap::Options::default() };
        place::open(&self.places, &options, |node| stage.enter(node))
    }

    /// A column for each host that is shown, from left to right.
    pub fn programs(&self) -> Vec<Program> {
        place::programs(&self.topology, &self.places, self.lab.columns)
    }

    pub fn ground(&self) -> Ground {
        // Who has no part in a scene has no column in it.
        Ground { only_active: true, ..place::ground(&self.topology, &self.places, self.lab.columns) }
    }

    /// The column of the host that an actor is on.
    pub fn column(&self, actor: &Actor) -> usize {
        self.lab.columns.iter().position(|column| *column == actor.host).unwrap_or_default()
    }

    /// What a place is called, by its number.
    pub fn place(&self, number: u32) -> &str {
        let place = usize::try_from(number).ok().and_then(|number| self.places.get(number));
        place.map_or("?", |place| place.name.as_str())
    }

    /// Columns that the names of places take.
    pub fn widest(&self) -> usize {
        self.places.iter().map(|place| place.name.len()).max().unwrap_or_default()
    }
}
