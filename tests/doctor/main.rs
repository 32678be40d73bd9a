//! `netlab doctor` against networks with one fault each: it names that one and no other, and a healthy network has none.

mod healthy;
mod lab;
mod listeners;
mod ways;

#[path = "../support/mod.rs"]
mod support;
