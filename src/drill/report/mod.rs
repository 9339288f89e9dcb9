//! A played drill, told three ways: for people at a terminal, for programs, and as a page with charts.

pub mod html;
pub mod json;
pub mod series;
pub mod text;
pub mod words;

#[cfg(test)]
mod tests;
