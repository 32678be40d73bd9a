//! Who is said to have taken what.
