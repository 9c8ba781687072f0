//! Calls that are posted at any time: in whatever order the app's own thread and its deputies take
//! their steps, all calls are made before everybody rests, and nobody has to be woken for that.

use std::cell::RefCell;

use ringsocket_app::Handle;

use super::*;

/// An app that shows its handle.
struct Reachable;

impl App for Reachable {
    fn init(cx: &mut Cx<'_>) -> Result<Self, Box<dyn Error>> {
        HANDLE.set(Some(cx.handle()));
        Ok(Self)
    }
}

static REACHABLE: ringsocket_app::abi::App = ringsocket_app::__private::vtable::<Reachable>();

thread_local! {
    static HANDLE: RefCell<Option<Handle<Reachable>>> = const { RefCell::new(None) };
    static MADE: Cell<u64> = const { Cell::new(0) };
}

/// What the app's own thread is at.
enum Own {
    Awake(Box<AppLoop>),
    /// It has left the app, and has not announced its sleep.
    Leaving(Bed),
    /// It has announced it, and sleeps as soon as it gets there.
    Asleep(Bed),
}

/// What one worker is at.
#[derive(Clone, Copy, Default)]
struct Doing {
    is_in_session: bool,
    has_asked: bool,
}

/// Everybody who takes steps.
struct Play {
    place: Place,
    own: Option<Own>,
    workers: Vec<Doing>,
    /// Of a linear congruential generator.
    state: u64,
}

impl Play {
    fn new(worker_c: usize, seed: u64) -> Self {
        MADE.set(0);
        let (place, app) = place_of(&REACHABLE, worker_c);
        let workers = vec![Doing::default(); worker_c];
        Self { place, own: Some(Own::Awake(app)), workers, state: seed }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.state >> 33) % limit
    }

    fn post(&self) {
        let handle = HANDLE.with_borrow(Clone::clone).expect("made by init");
        handle.post(|_, _| MADE.set(MADE.get() + 1)).expect("room");
    }

    /// The own thread's next step. False if it sleeps.
    fn step_own(&mut self) -> bool {
        let post = &self.place.post;
        let rest = match self.own.take().expect("it is somewhere") {
            Own::Awake(mut app) => match app.turn() {
                Turn::Over => panic!("nobody has ended"),
                Turn::Busy if post.is_asked_for(&app) => post.cede(app, LATER),
                Turn::Busy => Rest::Awake(app),
                Turn::Idle(_) => {
                    self.own = Some(Own::Leaving(post.leave(app, LATER)));
                    return true;
                }
            },
            Own::Leaving(bed) => post.lie_down(bed),
            Own::Asleep(bed) if self.place.is_asleep() => {
                self.own = Some(Own::Asleep(bed));
                return false;
            }
            Own::Asleep(bed) => post.rise(bed),
        };
        self.own = Some(match rest {
            Rest::Awake(app) => Own::Awake(app),
            Rest::Asleep(bed) => Own::Asleep(bed),
        });
        true
    }

    /// A worker that has something for the app, or has relied on getting it.
    fn step_worker(&mut self, index: usize) {
        let is_to_decline = self.below(4) == 0;
        let (deputy, doing) = (&mut self.place.deputies[index], &mut self.workers[index]);
        if doing.is_in_session {
            deputy.give_back();
            doing.is_in_session = false;
        } else if doing.has_asked && deputy.is_left() && is_to_decline {
            deputy.decline();
            doing.has_asked = false;
        } else if deputy.take() {
            *doing = Doing { is_in_session: true, has_asked: false };
        } else {
            doing.has_asked = deputy.ask();
        }
    }

    /// Whether a worker has yet to do something, whatever comes.
    fn is_due(&self, index: usize) -> bool {
        let doing = self.workers[index];
        doing.is_in_session || doing.has_asked && self.place.deputies[index].is_left()
    }

    /// Nobody begins anything new.
    fn come_to_rest(&mut self) {
        for _ in 0..1000 {
            let mut is_over = !self.step_own();
            for index in 0..self.workers.len() {
                if self.is_due(index) {
                    self.step_worker(index);
                    is_over = false;
                }
            }
            if is_over {
                return;
            }
        }
        panic!("no end");
    }
}

#[test]
fn a_call_is_made_whenever_it_is_posted() {
    for seed in 0..4000 {
        let mut play = Play::new(1 + (seed % 2) as usize, seed);
        let mut posted_c = 0;
        for _ in 0..12 + seed % 20 {
            match play.below(6) {
                0 => {
                    play.post();
                    posted_c += 1;
                }
                1 | 2 => {
                    let index = play.below(play.workers.len() as u64) as usize;
                    play.step_worker(index);
                }
                _ => {
                    play.step_own();
                }
            }
        }
        play.come_to_rest();
        assert_eq!(MADE.get(), posted_c, "seed {seed}");
    }
}
