//! Values to text over `impl Write`.

pub mod escape;
pub mod markdown;
pub mod story;
pub mod style;
