//! Apps in C++ made with `ringsocket.hpp`: what their callbacks are given, whom they reach,
//! how they decide about upgrades, and what becomes of exceptions.

mod compile;
mod exceptions;
mod messages;
mod recipients;
mod upgrades;
