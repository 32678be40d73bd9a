//! `netlab doctor` against networks with one fault each: it names that one and no other, and a healthy network has none.

mod captures;
mod counters;
mod firewalls;
mod healthy;
mod lab;
mod listeners;
mod ports;
mod reused;
mod sizes;
mod ways;

#[path = "../support/network.rs"]
mod network;
#[path = "../support/mod.rs"]
mod support;
