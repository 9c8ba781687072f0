//! The names of lines that an operator may have to act upon, so that `journalctl -x` can say what they
//! mean and what to do: systemd/ringsocket.catalog has an entry for each.
//! Not for: lines that only report, nor what an app logs.

use std::fmt;

/// What kind of line this is: a number of 128 bits (sd-id128(3)), which stays as it is for ever.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MessageId {
    name: &'static str,
    number: u128,
}

impl MessageId {
    /// Its name in this table, such as `APP_STOPPED`.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The value of the field `MESSAGE_ID=` (systemd.journal-fields(7)).
impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.number)
    }
}

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        $($(#[$doc])* pub const $name: MessageId =
            MessageId { name: stringify!($name), number: $number };)*

        /// All of them.
        pub const ALL: &[MessageId] = &[$($name),*];
    };
}

// A new one is made by `systemd-id128 new`.
table! {
    // Start and stop
    /// The daemon has started and serves.
    SERVING = 0xfba07d5b_b2204848_a8cf2293_cc88a61a;
    /// The daemon has been told to stop.
    STOPPING = 0xf9b45bb1_c94b4f9b_95df0df8_e2d84ff2;
    /// The daemon has stopped.
    STOPPED = 0xd8a5a1c7_a8db411b_a66dfed2_52e61ddd;
    /// A thread did not end within the time of a stop.
    LEFT_BEHIND = 0xfb715650_303b4c67_b15f3ed7_e0fbad84;
    // Configuration and sockets
    /// The configuration cannot be used.
    CONFIGURATION_REFUSED = 0x83f445aa_9ce947c3_94ad7627_51b5c773;
    /// The inherited sockets cannot be served.
    SOCKETS_UNFIT = 0xc7399e74_19b045dd_88184630_94429d3e;
    /// A port of the configuration has no socket.
    PORT_WITHOUT_SOCKET = 0x9ec61dce_26d84401_8875ba71_28098fd1;
    /// The sockets of a port are not one for each worker.
    SOCKETS_UNEVEN = 0x7dc2eae7_eba942dd_ab265a35_ebb08753;
    /// A reload is over, and all of it is in force.
    RELOADED = 0xa170a776_fe974c04_8960650b_fd362f25;
    /// A reload is over, and some of it is not in force.
    RELOAD_INCOMPLETE = 0x7b99b3db_27ea47c6_80b6ae86_175b76f4;
    /// A reload has changed nothing.
    RELOAD_FAILED = 0x46a4afb5_129045f2_8409fa8c_b9afa1f3;
    // Apps
    /// There are no apps.
    NO_APPS = 0x3ff38eb2_19a74390_8f7b6cd6_968b2595;
    /// None of the apps could be loaded.
    NO_APP_LOADED = 0x36ccac40_36444a1c_bc6ffe54_9885bf59;
    /// An app cannot be loaded or started.
    APP_NOT_LOADED = 0xf8ca6598_1f7f4b60_8ec5472d_1a97a56b;
    /// An app has failed, and is stopped.
    APP_STOPPED = 0xcd099271_e7f74804_a6548309_5878af34;
    /// An app has been replaced or removed.
    APP_DRAINS = 0xb959b018_14f44d2a_8151758c_f3221bcf;
    /// An app that drains is to go at once.
    APP_HURRIED = 0x56a737a5_7b274f6f_94ef363b_0aa9bab3;
    // Threads
    /// A thread makes no progress.
    THREAD_STUCK = 0x7b20061b_060e4124_a4c5a182_9403f113;
    /// A thread has panicked.
    THREAD_PANICKED = 0x4869e137_7ef84b0c_ad54e8b2_3f3d6bf3;
    /// A thread has ended that must not.
    THREAD_ENDED = 0x1edd9744_a4f74340_955407af_44fd7641;
    /// The system refuses what the daemon cannot do without.
    SYSTEM_REFUSED = 0x47b64c35_5ebe4ce3_b2a9fcda_6f3066ff;
    // Certificates
    /// A certificate cannot be used, or clients refuse it.
    CERTIFICATE_UNUSABLE = 0x3ca31f77_d13a4090_9dbe8364_aecc14d1;
    /// A certificate works, but not for long or not for all.
    CERTIFICATE_ATTENTION = 0x6b63a7cc_ea2f48b1_893ead33_4fe0a53e;
    // Limits
    /// There are as many connections as there may be.
    CONNECTIONS_EXHAUSTED = 0x37a420bd_a9f14fc6_8efe046e_ae0d7dc3;
    /// An address has as many connections as it may.
    ADDRESS_HAS_TOO_MANY = 0xe8ec011c_037b4e9f_90c6430f_503758eb;
    /// An address connects too often.
    ADDRESS_TOO_OFTEN = 0x59eaab43_06a6478b_a347e0bf_53616ac3;
    /// Too many TLS handshakes are under way.
    TLS_CROWDED = 0xf8762976_c2da4c9e_b8dd79e7_7ccdaf4f;
    /// A client sends more than it may.
    CLIENT_TOO_FAST = 0xd58814a0_25d4408e_81e17d9e_38c552d0;
    /// More waits for a client than may.
    CLIENT_TOO_SLOW = 0xa17642af_07664878_b02aa751_d14e3a20;
    /// Messages in part hold too much memory.
    PARTIAL_BUDGET_REACHED = 0x45595c77_2b1c4e6d_ac9dd803_efa60a6c;
    /// No connection can be accepted.
    OUT_OF_FILE_DESCRIPTORS = 0xfc80660f_aa354d70_af246012_e85752fa;
    /// An app has not decided about a client in time.
    UPGRADE_UNDECIDED = 0x11e6e690_41db4185_acdc3d74_96ad394b;
    /// The system is short of memory.
    MEMORY_PRESSURE = 0xf162b185_ec4949e4_9f0d53c4_f379aef6;
    // Proxies
    /// Somebody but a trusted proxy came to a port for proxies.
    PROXY_UNKNOWN = 0xdfbed3e3_c92b4b8b_b68d8ead_5bb073af;
    /// A proxy did not begin with the PROXY protocol.
    PROXY_HEADER_BAD = 0xe8a7116e_029644e4_879a6adf_cbe034ec;
    /// A client has spoken TLS to a plain port.
    TLS_ON_PLAIN_PORT = 0x599e406f_d3d043e3_99a66d15_7fa84241;
    // Restart with all connections
    /// A restart has begun that keeps connections.
    PARKING = 0xc838b076_71e545d6_85a1bc15_536405ce;
    /// The connections of the process before are taken up.
    TAKEN_UP = 0xe455b730_dc7b442c_9c0f14fe_9f4e0088;
    /// Some parked connections cannot be taken up.
    NOT_TAKEN_UP = 0x9435dbf1_233d4b55_bdba7d3b_eb88473b;
    // Log
    /// Log lines were lost.
    LINES_LOST = 0x6cd4c855_bb9046ed_89bfcfd0_2dcce742;
}

#[cfg(test)]
mod tests;
