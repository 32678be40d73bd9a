//! What touches the operating system: namespaces, captures, files. Knows frames, never headers, flows or views.

pub mod netns;
mod sys;
