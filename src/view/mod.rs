//! Values to text over `impl Write`.

pub mod markdown;
