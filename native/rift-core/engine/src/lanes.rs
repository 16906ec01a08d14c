//! Threads beside the computing one. Each runs libtorch with one thread, so that work which falls into independent parts
//! (rows of a batch) meets once at its end and not after every operator. Small networks gain most: their operators are
//! shorter than a barrier of sleeping threads.

use std::marker::PhantomData;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Mutex, PoisonError};

use crate::error::{EngineError, Result};

type Task = Box<dyn FnOnce() + Send>;

/// Stack of a lane: autograd recurses over deep networks.
const STACK_BYTES: usize = 64 << 20;

static LANES: Mutex<Vec<Sender<Task>>> = Mutex::new(Vec::new());

/// Runs the parts at the same time, one lane each, and returns their results in order; the first error where parts fail.
/// A single part runs on the calling thread.
pub fn run<T: Send + 'static>(mut parts: Vec<impl FnOnce() -> Result<T> + Send + 'static>) -> Result<Vec<T>> {
    if parts.len() < 2 {
        return parts.pop().map_or_else(|| Ok(Vec::new()), |part| Ok(vec![part()?]));
    }
    let count = parts.len();
    let (done, results) = channel();
    for (sender, (index, part)) in at_least(count)?.into_iter().zip(parts.into_iter().enumerate()) {
        let done = done.clone();
        let task = move || {
            let outcome = catch_unwind(AssertUnwindSafe(part))
                .unwrap_or_else(|_| Err(EngineError::Internal("a lane of the computation panicked".into())));
            // Nobody listens when an earlier part has failed.
            let _ = done.send((index, outcome));
        };
        sender.send(Box::new(task)).map_err(|_| ended())?;
    }
    let mut found: Vec<Option<T>> = (0..count).map(|_| None).collect();
    for _ in 0..count {
        let (index, outcome) = results.recv().map_err(|_| ended())?;
        found[index] = Some(outcome?);
    }
    found.into_iter().map(|part| part.ok_or_else(ended)).collect()
}

fn ended() -> EngineError {
    EngineError::Internal("a lane of the computation has ended".into())
}

/// The first `count` lanes, started where they are missing.
fn at_least(count: usize) -> Result<Vec<Sender<Task>>> {
    let mut lanes = LANES.lock().unwrap_or_else(PoisonError::into_inner);
    if lanes.len() < count {
        // A lane's own thread count would become that of threads which start later.
        let threads = tch::get_num_threads();
        while lanes.len() < count {
            let lane = start(lanes.len())?;
            lanes.push(lane);
        }
        tch::set_num_threads(threads);
    }
    Ok(lanes[..count].to_vec())
}

fn start(index: usize) -> Result<Sender<Task>> {
    let (sender, receiver) = channel::<Task>();
    let (ready, is_ready) = channel();
    std::thread::Builder::new()
        .name(format!("rift-lane-{index}"))
        .stack_size(STACK_BYTES)
        .spawn(move || {
            tch::set_num_threads(1);
            // A thread's first look takes the process's number; until the caller sets it again, that is 1.
            let _ = tch::get_num_threads();
            let _ = ready.send(());
            for task in receiver {
                task();
            }
        })
        .map_err(|error| EngineError::Internal(format!("a lane of the computation did not start: {error}")))?;
    is_ready.recv().map_err(|_| ended())?;
    Ok(sender)
}

/// Makes the calling thread run libtorch's operators alone until this is dropped.
pub struct Quiet {
    threads: i32,
    /// A thread's own.
    _here: PhantomData<*const ()>,
}

/// To be held by a thread that gives out work to so many `lanes`: libtorch's own threads wait for their next operator in a
/// loop, for milliseconds, on the processors that the lanes need. Nothing changes where there are no lanes.
#[must_use]
pub fn quiet(lanes: usize) -> Quiet {
    let threads = tch::get_num_threads();
    if lanes > 1 {
        tch::set_num_threads(1);
    }
    Quiet { threads, _here: PhantomData }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if tch::get_num_threads() != self.threads {
            tch::set_num_threads(self.threads);
        }
    }
}

/// Cuts `count` rows into at most `parts` neighbouring spans (first row, rows) of nearly equal size, none empty.
pub fn spans(count: i64, parts: usize) -> Vec<(i64, i64)> {
    let parts = (parts as i64).clamp(1, count.max(1));
    (0..parts)
        .map(|part| (count * part / parts, count * (part + 1) / parts))
        .map(|(from, to)| (from, to - from))
        .filter(|(_, rows)| *rows > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_parts_whichever_ends_first() {
        let parts: Vec<_> = (0..4_u64)
            .map(|index| {
                move || {
                    std::thread::sleep(std::time::Duration::from_millis(20 * (4 - index)));
                    Ok(index)
                }
            })
            .collect();
        assert_eq!(run(parts).unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn a_part_that_panics_is_an_error_and_its_lane_goes_on() {
        let parts: Vec<Box<dyn FnOnce() -> Result<u8> + Send>> =
            vec![Box::new(|| Ok(1)), Box::new(|| panic!("on purpose"))];
        assert!(matches!(run(parts), Err(EngineError::Internal(_))));
        assert_eq!(run(vec![|| Ok(1), || Ok(1)]).unwrap(), [1, 1]);
    }

    #[test]
    fn lanes_run_libtorch_with_one_thread_and_leave_that_of_others_alone() {
        let before = tch::get_num_threads();
        assert_eq!(run(vec![|| Ok(tch::get_num_threads()); 3]).unwrap(), [1, 1, 1]);
        assert_eq!(tch::get_num_threads(), before);
        assert_eq!(std::thread::spawn(tch::get_num_threads).join().unwrap(), before);
    }

    #[test]
    fn a_thread_that_gives_out_work_is_alone_for_so_long_and_only_then() {
        let before = tch::get_num_threads();
        {
            let _quiet = quiet(2);
            assert_eq!(tch::get_num_threads(), 1);
            let _again = quiet(2);
        }
        assert_eq!(tch::get_num_threads(), before);
        let _quiet = quiet(1);
        assert_eq!(tch::get_num_threads(), before);
    }

    #[test]
    fn spans_cover_every_row_once() {
        for (count, parts) in [(0, 2), (1, 2), (7, 2), (8, 3), (5, 9)] {
            let spans = spans(count, parts);
            assert_eq!(spans.iter().map(|(_, rows)| rows).sum::<i64>(), count);
            assert!(spans.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0));
            assert!(spans.len() <= parts && spans.iter().all(|(_, rows)| *rows > 0));
        }
    }
}
