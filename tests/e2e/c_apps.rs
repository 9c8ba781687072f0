//! Apps in C made with `RS_APP`: what their callbacks are given, what their helpers do, when their
//! timers come, and what happens to those that do what they may not.

mod compile;
mod helpers;
mod misuse;
mod timers;
mod typed;
mod upgrades;
