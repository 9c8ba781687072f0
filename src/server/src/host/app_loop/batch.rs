//! A batch: records that have come in from one worker, each handed to the callback that it is for.
//! Not for: when a batch is taken, and on which thread (the parent module).

use std::time::Duration;

use ringsocket_ring::Consumer;

use crate::host::api::{AppFault, Instance};
use crate::host::pace::Pace;
use crate::message::{Inbound, Opening, Outbound};
use crate::sys::clock;

/// A batch is to take about this long, so that the answers to its first messages do not wait for
/// the callbacks of many others.
pub(super) const BATCH_TIME: Duration = Duration::from_millis(1);

/// Most records in one batch.
const BATCH_MAX: usize = 512;

/// After so many records the clock is looked at, in case the callbacks have become slow.
const LOOK_EVERY: usize = 16;

/// What it takes to hand over a batch of records.
pub(super) struct Batch<'a> {
    pub(super) instance: &'a mut Instance,
    pub(super) inbound: &'a mut [Consumer],
    pub(super) news: &'a mut News,
    /// Most records.
    pub(super) size: &'a mut usize,
    pub(super) pace: &'a mut Pace,
}

impl Batch<'_> {
    /// Hands one batch of records from one worker to the callbacks. False if there was none.
    pub(super) fn take(self, worker: usize) -> Result<bool, AppFault> {
        let Self { instance, inbound, news, size, pace } = self;
        if !inbound[worker].refresh() {
            return Ok(false);
        }
        let now = instance.context().clock;
        let (start, work_start) = (now(), pace.is_judged().then(clock::thread_time));
        let mut count = 0;
        let mut result = Ok(());
        while count < *size && result.is_ok() {
            let is_to_look = count > 0 && count % LOOK_EVERY == 0;
            if is_to_look && now() > start + BATCH_TIME {
                break;
            }
            let Some((_, record)) = inbound[worker].next() else { break };
            count += 1;
            if let Some(record) = Inbound::decode(record.inline, record.block) {
                result = hand_over(instance, news, worker, record);
            }
        }
        let context = instance.context();
        context.outlets.publish();
        context.outlets.reclaim();
        if inbound[worker].release() {
            context.outlets.wake(worker);
        }
        let took = now().saturating_sub(start);
        *size = next_batch(*size, count, took);
        if let Some(work_start) = work_start {
            pace.note_batch(count, took, clock::thread_time().saturating_sub(work_start));
        }
        result.map(|()| true)
    }
}

/// Calls the callback that a record is for.
#[inline]
fn hand_over(
    instance: &mut Instance,
    news: &mut News,
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
            instance.context().begin_close(client);
            instance.close(client, code, reason)?;
            instance.context().end_close(client);
            Ok(())
        }
        Inbound::Upgrade { client, endpoint, opening } => {
            let Some(read) = Opening::read(opening) else { return Ok(()) };
            instance.context().begin_upgrade(client, endpoint, opening);
            instance.upgrade(client, &read)
        }
        Inbound::Entered { client } => {
            let Some(asked) = instance.context().enter(client) else { return Ok(()) };
            let Some(opening) = asked.opening() else { return Ok(()) };
            instance.open(client, &opening)?;
            instance.context().end_open(client);
            Ok(())
        }
        Inbound::Withdrawn { client } => {
            instance.context().upgrades.withdraw(client);
            Ok(())
        }
        Inbound::Drain => {
            instance.context().outlets.tell(worker, &Outbound::drained_head(), &[], &[]);
            Ok(())
        }
        Inbound::Retire { wait } => match news.note_retirement(worker) {
            true => instance.drain(wait),
            false => Ok(()),
        },
        Inbound::Park => {
            news.note_park(worker);
            Ok(())
        }
        Inbound::End => {
            news.note_end(worker);
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

/// What workers have said of themselves.
#[derive(Debug)]
pub(super) struct News {
    /// Which of them have said that they end, or that they have let go of the app.
    pub(super) ended: Vec<bool>,
    /// Which of them have said that the app is to go.
    retired: Vec<bool>,
    /// Which of them have said that the app is to park.
    parked: Vec<bool>,
    /// Whether the app is to park: each has said so, or that it ends.
    pub(super) is_to_park: bool,
}

impl News {
    pub(super) fn new(worker_c: usize) -> Self {
        let none = vec![false; worker_c];
        Self { ended: none.clone(), retired: none.clone(), parked: none, is_to_park: false }
    }

    /// Notes that the app is to go, by a worker's word. True once all have said so: from then on no
    /// client comes any more, and what the app sends to all reaches the last ones too.
    fn note_retirement(&mut self, worker: usize) -> bool {
        self.retired[worker] = true;
        !self.retired.contains(&false)
    }

    /// A worker has said that the app is to park.
    fn note_park(&mut self, worker: usize) {
        self.parked[worker] = true;
        self.is_to_park = self.are_parked();
    }

    /// A worker ends, or has let go of the app: it is not waited for.
    fn note_end(&mut self, worker: usize) {
        self.ended[worker] = true;
        self.is_to_park = self.are_parked();
    }

    fn are_parked(&self) -> bool {
        let mut silent = self.parked.iter().zip(&self.ended).filter(|(parked, _)| !**parked);
        self.parked.contains(&true) && silent.all(|(_, ended)| *ended)
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
