//! A test app whose answers come from threads of its own, by handles.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use ringsocket_app::{App, ClientId, Close, Context, Error, Handle, InitResult, Message};

struct Oracle {
    handle: Handle<Self>,
    /// Calls that have been made.
    made: usize,
}

ringsocket_app::export!(Oracle);

impl App for Oracle {
    fn init(cx: &mut Context<'_>) -> InitResult<Self> {
        let handle: Handle<Self> = cx.handle();
        // Called once there is an app to be called.
        handle.post(|app, _| app.made += 1)?;
        Ok(Self { handle, made: 0 })
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        let Message::Text(text) = message else { return };
        let (word, number) = text.split_once(' ').unwrap_or((text, "0"));
        let number: usize = number.parse().expect("a number");
        match word {
            "count" => self.count(client, number),
            "fill" => self.fill(cx, client),
            "made" => cx.to(client).text(format_args!("{}", self.made)),
            "panic" => self.spawn(|handle| handle.post(|_, _| panic!("by a posted call"))),
            "outlive" => self.spawn(outlive),
            "wait" => thread::sleep(Duration::from_millis(number as u64)),
            _ => cx.to(client).text(text),
        }
    }

    fn close(&mut self, _: &mut Context<'_>, _: ClientId, _: Close<'_>) {
        // A call whose client has left: what it sends reaches nobody.
        self.made += 1;
    }
}

impl Oracle {
    fn spawn(&self, body: impl FnOnce(&Handle<Self>) -> Result<(), Error> + Send + 'static) {
        let handle = self.handle.clone();
        thread::spawn(move || body(&handle));
    }

    /// Has a thread send so many numbers, in order.
    fn count(&self, client: ClientId, number: usize) {
        self.spawn(move |handle| {
            (0..number).try_for_each(|i| {
                handle.post(move |app, cx| {
                    app.made += 1;
                    cx.to(client).text(format_args!("{i}"));
                })
            })
        });
    }

    /// Posts as many calls as there is room for, and says how many.
    fn fill(&self, cx: &Context<'_>, client: ClientId) {
        let mut count = 0;
        let error = loop {
            match self.handle.post(|app, _| app.made += 1) {
                Ok(()) => count += 1,
                Err(error) => break error,
            }
        };
        cx.to(client).text(format_args!("{count}: {error}"));
    }
}

/// Posts until the app is over, and tells whether each call was made or dropped.
fn outlive(handle: &Handle<Oracle>) -> Result<(), Error> {
    let (sender, made) = mpsc::channel();
    let alive = Arc::new(());
    let mut count = 0;
    while handle.post({
        let (sender, alive) = (sender.clone(), Arc::clone(&alive));
        move |_, _| {
            drop(alive);
            let _ = sender.send(()); // nobody counts any more
        }
    }) == Ok(())
    {
        count += 1;
        thread::sleep(Duration::from_millis(1));
    }
    // The others may be dropped a moment after calls are refused.
    while Arc::strong_count(&alive) > 1 {
        thread::sleep(Duration::from_millis(1));
    }
    let made = made.try_iter().count();
    eprintln!("oracle: posted {count}, {} dropped", count - made);
    Ok(())
}
