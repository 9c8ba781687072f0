//! From the file of an app to callbacks that can be called.
//! Not for: which files there are (`config`), or starting what is loaded (`supervisor`).

use std::os::fd::OwnedFd;

use crate::config;
use crate::host::image::{Image, Print, Stamp};
use crate::host::library::{Callbacks, LoadError};
use crate::host::pace::Threads;
use crate::log;

/// An app whose library is loaded.
#[derive(Debug)]
pub(super) struct Library {
    /// What the configuration says of it.
    pub(super) config: config::App,
    /// The file that it was loaded from, and what that contained.
    pub(super) stamp: Stamp,
    pub(super) print: Print,
    pub(super) callbacks: Callbacks,
    /// Open as long as it is served: see [`Callbacks::load`].
    _copy: OwnedFd,
    pub(super) subprotocols: Vec<String>,
}

impl Library {
    /// Loads an app from its file; says in the log what came of it.
    ///
    /// # Errors
    /// Why it cannot be loaded.
    pub(super) fn load(app: &config::App) -> Result<Self, LoadError> {
        let image = Image::read(&app.path).map_err(LoadError::Image);
        let library = image.and_then(|image| Self::of(app, &image));
        if let Err(error) = &library {
            let path = app.path.display();
            log::error!(
                id: log::id::APP_NOT_LOADED,
                app: app.name,
                "app not loaded: {path}: {error}"
            );
        }
        library
    }

    /// The same of a file that has been read.
    pub(super) fn of(app: &config::App, image: &Image) -> Result<Self, LoadError> {
        let (callbacks, copy) = Callbacks::load(image, &app.name)?;
        let subprotocols = callbacks.subprotocols()?;
        let (path, built_with) = (app.path.display(), callbacks.built_with());
        log::info!(app: app.name, "loaded {path} (built with {built_with})");
        if app.threads == Threads::Any && !callbacks.run_on_any_thread() {
            log::info!(
                app: app.name,
                "`threads` is \"any\", but the app allows no thread but its own"
            );
        }
        let (stamp, print) = (image.stamp, image.print);
        Ok(Self { config: app.clone(), stamp, print, callbacks, _copy: copy, subprotocols })
    }
}
