//! Messages there and back, and streams that no well-behaved client makes.

use super::*;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use proptest::prelude::*;

/// A repeatable text that compresses somewhat.
fn json(len: usize) -> Vec<u8> {
    let mut text = String::new();
    let mut seed = 1u32;
    while text.len() < len {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text += &format!("{{\"id\":{},\"name\":\"user{}\",\"ok\":true}},", seed >> 8, seed >> 20);
    }
    text.truncate(len);
    text.into_bytes()
}

/// Repeatable bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut seed = len as u64;
    let byte = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    };
    std::iter::repeat_with(byte).take(len).collect()
}

/// The compressed payload of a frame, whose header must say so.
fn payload(frame: &[u8]) -> &[u8] {
    assert_eq!(frame[0] & 0xf0, 0xc0, "FIN and RSV1");
    let (header, payload) = frame::split(frame).expect("a whole frame");
    assert_eq!(frame::opcode(header), Some(Opcode::Text));
    payload
}

fn inflated(compressed: &[u8], limit: usize) -> Result<Vec<u8>, u16> {
    let mut inflater = Inflater::default();
    let result = inflater.inflate(compressed, None, limit);
    result.map(|()| inflater.output().to_vec()).map_err(|violation| violation.code.get())
}

#[test]
fn rfc7692_7_2_3_examples() {
    let hello = |compressed: &[u8]| assert_eq!(inflated(compressed, 5), Ok(b"Hello".to_vec()));
    hello(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]); // one block
    hello(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]); // a last block, and an empty one
    hello(&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]); // not compressed
    hello(&[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]); // two
    assert_eq!(inflated(&[0x00], 0), Ok(Vec::new())); // section 7.2.3.6: an empty message
}

#[test]
fn rfc7692_7_2_3_2_the_second_message_refers_to_the_first() {
    let mut window = Window::new(15);
    let mut inflater = Inflater::default();
    for compressed in [&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..], &[0xf2, 0x00, 0x11, 0, 0]] {
        inflater.inflate(compressed, Some(&mut window), 5).expect("Hello");
        assert_eq!(inflater.output(), b"Hello");
    }
    assert_eq!(window.bytes(), b"HelloHello");
    // Without the window it refers to nothing.
    assert_eq!(inflated(&[0xf2, 0x00, 0x11, 0, 0], 5), Err(1007));
}

#[test]
fn rfc7692_7_2_3_4_what_follows_a_last_block_may_refer_to_what_came_before_it() {
    let mut window = Window::new(15);
    let mut inflater = Inflater::default();
    inflater
        .inflate(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], Some(&mut window), 5)
        .unwrap();
    inflater.inflate(&[0xf2, 0x00, 0x11, 0, 0], Some(&mut window), 5).unwrap();
    assert_eq!(inflater.output(), b"Hello");
    // In one message: a last block, then one that repeats it.
    let both = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(inflated(&both, 10), Ok(b"HelloHello".to_vec()));
}

#[test]
fn last_blocks_without_end_are_1007() {
    // An empty last block is two bytes long, and what follows it is a stream of its own.
    let blocks = |count: usize| [0x03, 0x00].repeat(count);
    assert_eq!(inflated(&blocks(17), 10), Ok(Vec::new()));
    assert_eq!(inflated(&blocks(18), 10), Err(1007));
    assert_eq!(inflated(&blocks(100_000), 10), Err(1007));
    // As many as a compressor makes that ends its stream every few hundred bytes.
    let stream = [&[0x01, 0xff, 0x00, 0x00, 0xff][..], &[b'x'; 255]].concat();
    assert_eq!(inflated(&stream.repeat(1000), 300_000), Ok(vec![b'x'; 255_000]));
}

#[test]
fn what_is_no_whole_stream_is_1007() {
    for bad in [
        &[0xff][..],                                 // a block of a type that there is not
        &[0xf2, 0x48, 0xcd, 0xc9],                   // ends within a block
        &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65], // ends within a stored block
        &[0x00, 0x05, 0x00, 0x00, 0xff],             // lengths that do not agree
        &[0x02, 0x00, 0x11],                         // refers to before the start
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0, 0, 0xff, 0xff], // the tail is still there
    ] {
        assert_eq!(inflated(bad, 1000), Err(1007), "{bad:x?}");
    }
}

#[test]
fn rfc7692_7_2_2_what_is_put_at_the_end_is_no_part_of_the_message() {
    // Ends within a block, of which the bytes put there make a few more: the end among them.
    assert_eq!(inflated(&[0x7b, 0xbf, 0x7f], 1000), Err(1007));
}

#[test]
fn a_bomb_ends_at_the_limit() {
    let mut compressor = Compress::new(Compression::best(), false);
    let zeros = vec![0; 64 << 20];
    let mut bomb = Vec::with_capacity(1 << 20);
    compressor.compress_vec(&zeros, &mut bomb, FlushCompress::Sync).expect("room");
    bomb.truncate(bomb.len() - TAIL.len());
    assert!(zeros.len() / bomb.len() > 1000, "only {} to 1", zeros.len() / bomb.len());
    for limit in [0, 1, 1023, 1024, 1 << 20, zeros.len() - 1] {
        let mut inflater = Inflater::default();
        let violation = inflater.inflate(&bomb, None, limit).expect_err("too big");
        assert_eq!(violation.code.get(), 1009);
        assert!(inflater.output.capacity() <= limit.max(KEEP) + 1, "limit {limit}");
    }
    assert_eq!(inflated(&bomb, zeros.len()).map(|message| message.len()), Ok(zeros.len()));
}

#[test]
fn large_buffers_are_not_kept() {
    let mut deflater = Deflater::new(6);
    let (mut frame, large) = (Vec::new(), json(1 << 20));
    assert!(deflater.frame(Opcode::Text, &large, 15, None, &mut frame));
    let mut inflater = Inflater::default();
    inflater.inflate(payload(&frame), None, large.len()).unwrap();
    assert_eq!(inflater.take_large(), Some(large));
    let (mut small, message) = (Vec::new(), json(500));
    assert!(deflater.frame(Opcode::Text, &message, 15, None, &mut small));
    assert!(deflater.output.capacity() <= KEEP);
    inflater.inflate(payload(&small), None, 500).unwrap();
    assert_eq!(inflater.output(), message);
    assert_eq!(inflater.take_large(), None);
}

#[test]
fn a_message_that_is_small_for_its_buffer_does_not_take_it_along() {
    // Blocks with nothing in them before the message make room for much more than there is.
    let empty = [0, 0, 0, 0xff, 0xff].repeat(100_000);
    let stream = [&empty[..], &[0x00, 0x00, 0x50, 0xff, 0xaf], &[b'x'; 20_480], &[0x00]].concat();
    let mut inflater = Inflater::default();
    inflater.inflate(&stream, None, 1 << 24).unwrap();
    assert!(inflater.output.capacity() > KEEP);
    assert_eq!(inflater.take_large(), None);
    assert_eq!(inflater.output(), [b'x'; 20_480]);
}

#[test]
fn noise_of_any_length_leaves_the_compressor_sound() {
    // With too little room for the output, zlib-rs 0.6 panics in a message after the next reset.
    for level in 1..=9 {
        let mut deflater = Deflater::new(level);
        for len in [100, 9_000, 70_000, 300_000] {
            let (mut out, text) = (Vec::new(), json(len));
            assert!(!deflater.frame(Opcode::Binary, &noise(len), 15, None, &mut out));
            assert!(deflater.output.len() < deflater.output.capacity(), "level {level}, {len}");
            assert!(deflater.frame(Opcode::Text, &text, 15, None, &mut out));
            assert!(inflated(payload(&out), len).unwrap() == text);
        }
    }
}

#[test]
fn what_would_not_shrink_is_left_alone_and_the_window_does_not_know_of_it() {
    let mut deflater = Deflater::new(9);
    let mut window = Window::new(12);
    let noise = noise(3000);
    let mut out = Vec::new();
    for message in [&b""[..], b"a", b"abc", &noise] {
        assert!(!deflater.frame(Opcode::Text, message, 12, Some(&mut window), &mut out));
    }
    assert!(out.is_empty() && window.bytes().is_empty());
    // Once the noise has been sent within something else, it is worth referring to.
    let twice = [&noise[..1000], &noise[..1000]].concat();
    assert!(deflater.frame(Opcode::Text, &twice, 12, Some(&mut window), &mut out));
    assert_eq!(window.bytes(), twice);
}

/// Reads a stream with a window of this size and nothing beside it; `None` if it refers to more.
/// Not with zlib-rs, whose window is always the largest.
fn read_strictly(stream: &[u8], bits: u8) -> Option<Vec<u8>> {
    let (mut window, mut at) = (vec![0; 1 << bits], 0);
    let (mut decompressor, mut read, mut rest) = (DecompressorOxide::new(), Vec::new(), stream);
    loop {
        let flags = TINFL_FLAG_HAS_MORE_INPUT;
        let (status, taken, given) = decompress(&mut decompressor, rest, &mut window, at, flags);
        rest = &rest[taken..];
        read.extend_from_slice(&window[at..at + given]);
        at = (at + given) % window.len();
        match status {
            TINFLStatus::HasMoreOutput => {}
            TINFLStatus::NeedsMoreInput => return Some(read),
            _ => return None,
        }
    }
}

#[test]
fn every_window_is_kept_to() {
    // Noise that comes again from three quarters of each window away, less what zlib keeps free of
    // it: within reach of that window and of no smaller one.
    let mut noise = noise(60_000).into_iter();
    let far = |bits: u8| {
        let block: Vec<u8> = noise.by_ref().take((3 << bits) / 4 - 40).collect();
        block.repeat(2)
    };
    // The smallest has its use of the zeros.
    let message = [vec![0; 500], (MIN_BITS + 1..=MAX_BITS).flat_map(far).collect()].concat();
    let mut sizes = Vec::new();
    for bits in MIN_BITS..=MAX_BITS {
        let mut deflater = Deflater::new(6);
        let mut frame = Vec::new();
        assert!(deflater.frame(Opcode::Text, &message, bits, None, &mut frame));
        let stream = [payload(&frame), &TAIL].concat();
        let read = read_strictly(&stream, bits).unwrap_or_else(|| panic!("more than {bits} bits"));
        assert!(read == message, "{bits} bits");
        if bits > MIN_BITS {
            assert!(read_strictly(&stream, bits - 1).is_none(), "{bits} bits are not made use of");
        }
        sizes.push(frame.len());
    }
    assert!(sizes.windows(2).all(|two| two[1] < two[0]), "{sizes:?}");
}

proptest! {
    #[test]
    fn messages_come_back_as_they_went(
        messages in proptest::collection::vec((0usize..3000, any::<bool>()), 1..12),
        bits in MIN_BITS..=MAX_BITS,
        level in 1u32..=9,
        takeover: bool,
    ) {
        let (mut deflater, mut inflater) = (Deflater::new(level), Inflater::default());
        let (mut ours, mut theirs) = (Window::new(bits), Window::new(bits));
        for (len, is_text) in messages {
            let message = if is_text { json(len) } else { json(len).repeat(2) };
            let mut frame = Vec::new();
            let window = takeover.then_some(&mut ours);
            if deflater.frame(Opcode::Text, &message, bits, window, &mut frame) {
                prop_assert!(frame.len() < message.len() + 10);
                let window = takeover.then_some(&mut theirs);
                inflater.inflate(payload(&frame), window, message.len()).expect("valid");
                prop_assert_eq!(inflater.output(), &message);
                prop_assert!(!takeover || ours == theirs);
            }
        }
    }

    #[test]
    fn any_bytes_inflate_to_no_more_than_the_limit(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        limit in 0usize..2000,
    ) {
        if let Ok(message) = inflated(&bytes, limit) {
            prop_assert!(message.len() <= limit);
        }
    }
}
