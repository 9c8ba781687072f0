//! An app's turn: what has come in is handed to its callbacks, and what they have sent goes out.
//!
//! [`AppLoop::turn`] may be called by any one thread, one at a time. It never sleeps, except in a
//! send that finds a ring full.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ringsocket_ring::Consumer;

use super::api::{AppFault, Instance};
use crate::log;
use crate::message::{Inbound, Opening, Outbound};

/// A batch is to take about this long, so that the answers to its first messages do not wait for
/// the callbacks of many others.
const BATCH_TIME: Duration = Duration::from_millis(1);

/// Most records in one batch.
const BATCH_MAX: usize = 512;

/// After so many records the clock is looked at, in case the callbacks have become slow.
const LOOK_EVERY: usize = 16;

/// What a turn has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Something was done; there may be more.
    Busy,
    /// There is nothing to do until something comes in, or until this time.
    Idle(Option<Duration>),
    /// All workers are gone, or the app has failed: there will be nothing to do.
    Over,
}

/// An app and its rings.
pub struct AppLoop {
    instance: Instance,
    inbound: Vec<Consumer>,
    name: Arc<str>,
    /// Which workers have said that they end.
    ended: Vec<bool>,
    /// Most records that the next batch takes; adapts to how long the callbacks take.
    batch: usize,
}

impl fmt::Debug for AppLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppLoop").field("name", &self.name).finish_non_exhaustive()
    }
}

impl AppLoop {
    /// Joins an app with its inbound rings, one from each worker, by the worker's number.
    pub fn new(mut instance: Instance, inbound: Vec<Consumer>) -> Self {
        let name = instance.context().facts.name.clone();
        let ended = vec![false; inbound.len()];
        Self { instance, inbound, name, ended, batch: 16 }
    }

    /// Calls the app's `init`.
    ///
    /// # Errors
    /// If it fails. There must be no turn then.
    pub fn init(&mut self) -> Result<(), AppFault> {
        self.instance.init()
    }

    /// Does what there is to do, within bounds.
    pub fn turn(&mut self) -> Turn {
        match self.try_turn() {
            Ok(Turn::Over) => {
                self.instance.quit();
                Turn::Over
            }
            Ok(turn) => turn,
            Err(fault) => {
                self.fail(fault);
                self.instance.quit();
                Turn::Over
            }
        }
    }

    /// Whether something has come in. To be asked once more before each sleep.
    pub fn has_news(&mut self) -> bool {
        self.inbound.iter_mut().any(Consumer::refresh) || self.is_alone()
    }

    /// Whether all workers have ended, be it without a word because they had no time left for it.
    fn is_alone(&mut self) -> bool {
        let is_gone = |(ring, ended): (&mut Consumer, &bool)| {
            *ended || ring.is_abandoned() && !ring.refresh()
        };
        self.inbound.iter_mut().zip(&self.ended).all(is_gone)
    }

    /// Gives back the memory that only a burst needed.
    pub fn trim(&mut self) {
        let outlets = &mut self.instance.context().outlets;
        outlets.reclaim();
        outlets.trim();
    }

    /// Tells every worker that the app has failed, which makes them close its clients.
    pub fn fail(&mut self, fault: AppFault) {
        log::error!(app: self.name, "app stopped: {fault}; its clients are closed with 1011");
        let outlets = &mut self.instance.context().outlets;
        for worker in 0..outlets.worker_c() {
            outlets.tell(worker, &Outbound::fault_head(), &[], &[]);
        }
        outlets.publish();
    }

    fn try_turn(&mut self) -> Result<Turn, AppFault> {
        let mut is_busy = false;
        for worker in 0..self.inbound.len() {
            is_busy |= self.take_batch(worker)?;
        }
        let timer = self.run_timer()?;
        if self.is_alone() {
            return Ok(Turn::Over);
        }
        Ok(if is_busy { Turn::Busy } else { Turn::Idle(timer) })
    }

    /// Hands one batch of records from one worker to the callbacks.
    fn take_batch(&mut self, worker: usize) -> Result<bool, AppFault> {
        if !self.inbound[worker].refresh() {
            return Ok(false);
        }
        let start = (self.instance.context().clock)();
        let mut count = 0;
        let mut result = Ok(());
        while count < self.batch && result.is_ok() {
            let is_to_look = count > 0 && count % LOOK_EVERY == 0;
            if is_to_look && (self.instance.context().clock)() > start + BATCH_TIME {
                break;
            }
            let Some((_, record)) = self.inbound[worker].next() else { break };
            count += 1;
            if let Some(record) = Inbound::decode(record.inline, record.block) {
                result = hand_over(&mut self.instance, &mut self.ended, worker, record);
            }
        }
        let context = self.instance.context();
        context.outlets.publish();
        context.outlets.reclaim();
        if self.inbound[worker].release() {
            context.outlets.wake(worker);
        }
        let took = (context.clock)().saturating_sub(start);
        self.batch = next_batch(self.batch, count, took);
        result.map(|()| true)
    }

    /// Calls `timer` if it is due; says when it will be.
    fn run_timer(&mut self) -> Result<Option<Duration>, AppFault> {
        let context = self.instance.context();
        if let Some(at) = context.timer {
            if at <= (context.clock)() {
                context.timer = None;
                let result = self.instance.timer();
                self.instance.context().outlets.publish();
                result?;
            }
        }
        Ok(self.instance.context().timer)
    }
}

/// Calls the callback that a record is for.
#[inline]
fn hand_over(
    instance: &mut Instance,
    ended: &mut [bool],
    worker: usize,
    record: Inbound<'_>,
) -> Result<(), AppFault> {
    match record {
        Inbound::Message { client, text, payload } => instance.read(client, text, payload),
        Inbound::Open { client, endpoint, opening } => {
            let Some(opening) = Opening::read(opening) else { return Ok(()) };
            instance.context().begin_open(client, endpoint, opening.address);
            instance.open(client, &opening)?;
            instance.context().end_open(client);
            Ok(())
        }
        Inbound::Close { client, code, reason } => {
            instance.context().clients.remove(client);
            instance.close(client, code, reason)
        }
        Inbound::Drain => {
            instance.context().outlets.tell(worker, &Outbound::drained_head(), &[], &[]);
            Ok(())
        }
        Inbound::End => {
            ended[worker] = true;
            Ok(())
        }
    }
}

/// How many records the next batch may take, after `count` of at most `batch` took so long.
fn next_batch(batch: usize, count: usize, took: Duration) -> usize {
    if took > BATCH_TIME {
        let fitting = count as u128 * BATCH_TIME.as_nanos() / took.as_nanos();
        (fitting as usize).clamp(1, BATCH_MAX)
    } else if count == batch {
        (batch * 2).min(BATCH_MAX)
    } else {
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_adapt_to_slow_callbacks() {
        assert_eq!(next_batch(16, 16, Duration::from_micros(10)), 32);
        assert_eq!(next_batch(16, 3, Duration::from_micros(10)), 16);
        assert_eq!(next_batch(512, 512, Duration::from_micros(10)), BATCH_MAX);
        assert_eq!(next_batch(16, 16, Duration::from_millis(160)), 1, "10 ms each");
        assert_eq!(next_batch(1, 1, Duration::from_millis(10)), 1);
        assert_eq!(next_batch(512, 500, Duration::from_millis(5)), 100, "10 µs each");
    }
}
