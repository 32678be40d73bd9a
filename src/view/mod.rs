//! Values to text over `impl Write`.

pub mod escape;
pub mod lines;
pub mod markdown;
pub mod style;
pub mod table;
pub mod values;
pub mod words;
