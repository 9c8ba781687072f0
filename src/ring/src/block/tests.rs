//! Unit tests of the pool: what counts, what is kept, what is given back.

use super::*;

#[test]
fn budget_is_kept() {
    let mut pool = BlockPool::new(100);
    let first = pool.take(60).unwrap();
    assert!(first.is_empty() && first.capacity() >= 60);
    assert_eq!(pool.in_use(), 60);
    assert_eq!(pool.take(41), Err(Full));
    let second = pool.take(40).unwrap();
    assert_eq!(pool.in_use(), 100);
    assert_eq!(pool.take(1), Err(Full));
    let (first, second) = (pool.seal(first), pool.seal(second));
    assert_eq!(pool.in_use(), 100);
    pool.put_back(first);
    assert_eq!(pool.in_use(), 40);
    pool.put_back(second);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn one_buffer_is_always_admitted() {
    let mut pool = BlockPool::new(10);
    let block = pool.adopt(Vec::with_capacity(1000)).unwrap();
    assert_eq!(pool.in_use(), 1000);
    assert_eq!(pool.take(1), Err(Full));
    let (full, refused) = pool.adopt(vec![7]).unwrap_err();
    assert_eq!((full, refused), (Full, vec![7]));
    pool.put_back(block);
    assert!(pool.take(1000).is_ok());
}

#[test]
fn only_the_last_handle_gives_bytes_back() {
    let mut pool = BlockPool::new(100);
    let block = pool.adopt(vec![1; 50]).unwrap();
    pool.put_back(Arc::clone(&block));
    assert_eq!(pool.in_use(), 50);
    pool.put_back(block);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn buffers_are_recycled() {
    let mut pool = BlockPool::new(1 << 20);
    let mut buffer = pool.take(20_000).unwrap();
    buffer.extend_from_slice(&[1; 20_000]);
    let address = buffer.as_ptr();
    let block = pool.seal(buffer);
    let shell = Arc::as_ptr(&block);
    pool.put_back(block);
    // Not for a request that it is far too large for.
    let small = pool.take(10_000).unwrap();
    assert_ne!(small.as_ptr(), address);
    pool.cancel(small);
    let again = pool.take(19_000).unwrap();
    assert_eq!((again.as_ptr(), again.len()), (address, 0));
    assert_eq!(pool.spare_bytes, pool.spares.iter().map(Vec::capacity).sum());
    assert_eq!(Arc::as_ptr(&pool.seal(again)), shell);
}

#[test]
fn spares_waste_a_quarter_at_most() {
    // The capacity that `len` bytes get from a pool that has one spare.
    let taken = |spare, len| {
        let mut pool = BlockPool::new(usize::MAX);
        let block = pool.adopt(Vec::with_capacity(spare)).unwrap();
        pool.put_back(block);
        pool.take(len).unwrap().capacity()
    };
    for (spare, len) in [(20_481, 16_385), (4_096, 3_277), (5, 4), (0, 0)] {
        assert_eq!(taken(spare, len), spare, "{spare} for {len}");
    }
    for (spare, len) in [(22_528, 16_385), (20_482, 16_385), (4_097, 3_277), (6, 4), (1, 0)] {
        assert_eq!(taken(spare, len), rounded(len), "{spare} for {len}");
    }
}

#[test]
fn little_is_kept_and_trim_frees_it() {
    let mut pool = BlockPool::new(usize::MAX);
    let blocks: Vec<_> = (0..100).map(|_| pool.adopt(vec![0; 1 << 18]).unwrap()).collect();
    blocks.into_iter().for_each(|block| pool.put_back(block));
    assert_eq!((pool.spare_bytes, pool.spares.len()), (SPARE_BYTES, 16));
    let blocks: Vec<_> = (0..300).map(|_| pool.adopt(vec![0; 64]).unwrap()).collect();
    pool.trim();
    assert_eq!((pool.spare_bytes, pool.spares.capacity()), (0, 0));
    blocks.into_iter().for_each(|block| pool.put_back(block));
    assert_eq!((pool.spares.len(), pool.shells.len()), (SPARES, SPARES));
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_change_of_capacity_after_take_is_settled() {
    let mut pool = BlockPool::new(1000);
    let [mut grown, mut shrunk] = [10, 200].map(|len| pool.take(len).unwrap());
    grown.reserve_exact(30);
    shrunk.shrink_to(20);
    let blocks = [pool.seal(grown), pool.seal(shrunk)];
    assert_eq!(pool.in_use(), blocks.iter().map(|block| block.capacity()).sum());
    blocks.into_iter().for_each(|block| pool.put_back(block));
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn cancelled_buffers_count_no_more() {
    let mut pool = BlockPool::new(10);
    let buffer = pool.take(10).unwrap();
    pool.cancel(buffer);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn rounding_wastes_an_eighth_at_most() {
    for len in (0..100_000).chain([usize::MAX - 1, usize::MAX]) {
        let capacity = rounded(len);
        assert!(capacity >= len && capacity - len <= len / 8, "{len} {capacity}");
    }
    assert_eq!((rounded(4095), rounded(16_384), rounded(20_481)), (4095, 16_384, 22_528));
}
