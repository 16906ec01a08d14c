//! What computes fastest on this machine: measured once on a small network, and kept in a file so that the next process
//! need not measure again.

mod probe;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use probe::Probe;

/// Variable that names the folder of files, one a machine; unset or empty, every process measures for itself.
pub const FOLDER: &str = "RIFT_CHOICES";
/// A choice must be so much faster than the usual one to replace it: a busy machine must not decide.
const CLEARLY: f64 = 1.1;
/// Half the images of one measurement.
const IMAGES: i64 = 128;
/// Where the threads of a measurement waited for a processor for a larger share of the time, other work decided too.
const QUIET: f64 = 0.1;
/// So long such a measurement is believed all the same, so that processes that start together choose alike.
const TRUSTED: Duration = Duration::from_mins(10);

/// Choices for attacks and evaluation on the processor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Choices {
    /// Processors, libtorch and engine that they were measured with.
    pub machine: String,
    /// Whether iterates are computed in bfloat16.
    pub bf16: bool,
    /// Whether activations lie channels-last.
    pub channels_last: bool,
    /// Whether a batch is spread over lanes of one thread each, rather than each operator over all threads.
    pub lanes: bool,
    /// Images per batch.
    pub batch_size: i64,
    /// Images per second of one gradient with the first combination that was tried, and by what it was outdone or not with the
    /// others.
    pub tried: BTreeMap<String, f64>,
    /// How long threads waited for a processor while it was measured, over the time it took: 0 on a machine without other work.
    pub waited: f64,
}

impl Choices {
    /// Those of this machine, from the file or measured now. What cannot be measured or kept leaves the usual choices.
    #[must_use]
    pub fn here() -> &'static Self {
        static HERE: OnceLock<Choices> = OnceLock::new();
        HERE.get_or_init(|| {
            let machine = machine();
            let measure = || Self::measure(machine.clone()).unwrap_or_else(|_| Self::usual(false));
            match std::env::var_os(FOLDER).filter(|name| !name.is_empty()) {
                Some(folder) => kept(Path::new(&folder), &machine, measure),
                None => measure(),
            }
        })
    }

    /// Choices where nothing was measured: right for every machine, if not the fastest.
    #[must_use]
    pub fn usual(bf16: bool) -> Self {
        Self {
            machine: String::new(),
            bf16,
            channels_last: true,
            lanes: true,
            batch_size: 2 * IMAGES,
            tried: BTreeMap::new(),
            waited: 0.0,
        }
    }

    /// Whether other work hardly disturbed the measurement.
    #[must_use]
    pub fn were_quiet(&self) -> bool {
        self.waited <= QUIET
    }

    /// Tries one change after the other, on all processors, and keeps those that are clearly faster.
    fn measure(machine: String) -> Result<Self> {
        let threads = tch::get_num_threads();
        tch::set_num_threads(processors() as i32);
        let (began, waited) = (Instant::now(), waiting());
        let measured = Self::measure_here(machine);
        let waited = waiting().saturating_sub(waited).as_secs_f64() / began.elapsed().as_secs_f64();
        tch::set_num_threads(threads);
        Ok(Self { waited, ..measured? })
    }

    fn measure_here(machine: String) -> Result<Self> {
        let probe = Probe::new()?;
        let mut chosen = Self { machine, ..Self::usual(false) };
        let [mut best] = probe.rates([&chosen])?;
        let mut tried = BTreeMap::from([(chosen.name(), best)]);
        let changes: [&dyn Fn(&mut Self); 5] = [
            &|choices| choices.bf16 = true,
            &|choices| choices.channels_last = false,
            // With one thread both are the same.
            &|choices| choices.lanes = processors() == 1,
            &|choices| choices.batch_size = IMAGES,
            &|choices| choices.batch_size = IMAGES / 4,
        ];
        for change in changes {
            let mut other = chosen.clone();
            change(&mut other);
            if other == chosen {
                continue;
            }
            // Against its own rounds: a pause of other work must not favour one side.
            let [rate, of_chosen] = probe.rates([&other, &chosen])?;
            let rate = best * rate / of_chosen;
            tried.insert(other.name(), rate);
            if rate > CLEARLY * best {
                (chosen, best) = (other, rate);
            }
        }
        Ok(Self { tried, ..chosen })
    }

    /// The choices in words.
    pub fn name(&self) -> String {
        let Self { bf16, channels_last, lanes, batch_size, .. } = self;
        format!(
            "{}, {}, {}, {batch_size} images a batch",
            if *bf16 { "bf16" } else { "fp32" },
            if *channels_last { "channels last" } else { "channels first" },
            if *lanes { "one thread for each part of a batch" } else { "all threads for each operator" },
        )
    }
}

/// How long the threads of this process have waited for a processor that other threads held; nothing where the system does
/// not tell.
fn waiting() -> Duration {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

fn machine() -> String {
    let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        // Virtual machines share a name and differ in what they let through.
        let flags = ["avx2", "avx512f", "avx512_bf16", "amx_bf16"];
        let flags = flags.into_iter().filter(|flag| text.contains(flag)).collect::<Vec<_>>().join(" ");
        Some(format!("{} ({flags})", line.split(": ").nth(1)?.trim()))
    });
    let processor = processor.unwrap_or_else(|| std::env::consts::ARCH.to_string());
    format!("{} × {processor}, libtorch 2.13.0, engine {}", processors(), env!("CARGO_PKG_VERSION"))
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What `folder` keeps for this machine, else what `measure` finds, kept there from now on. Of processes that measure at the
/// same time all take what the first of them kept, so that replicas choose alike. What was measured beside other work is
/// believed for a while; later the quieter of it and a new measurement is kept. Where nothing can be kept, each process
/// measures for itself.
fn kept(folder: &Path, machine: &str, measure: impl FnOnce() -> Choices) -> Choices {
    let name: String = machine.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let path = folder.join(format!("{name}.json"));
    let known = read(&path);
    if let Some(known) = known.as_ref().filter(|known| known.were_quiet() || age(&path) < TRUSTED) {
        return known.clone();
    }
    let measured = measure();
    let best = match known {
        Some(known) if known.waited <= measured.waited => known,
        _ => measured,
    };
    if write(folder, &path, &best, age(&path) >= TRUSTED).is_ok() {
        return best;
    }
    read(&path).unwrap_or(best)
}

fn read(path: &Path) -> Option<Choices> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// Time since the file was written; none where there is no file or its time lies ahead.
fn age(path: &Path) -> Duration {
    let written = std::fs::metadata(path).and_then(|known| known.modified());
    written.ok().and_then(|at| at.elapsed().ok()).unwrap_or(Duration::ZERO)
}

/// Writes a file that is whole from the moment it is there; not over one that is there already, unless it `replaces` that.
fn write(folder: &Path, path: &Path, choices: &Choices, replaces: bool) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&file, choices)?;
    if replaces {
        file.persist(path)?;
    } else {
        file.persist_noclobber(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_choices_are_at_least_as_fast_as_everything_tried() {
        let measured = Choices::measure("here".into()).unwrap();
        let own = measured.tried[&measured.name()];
        assert!(measured.tried.len() >= 4, "{measured:?}");
        for (name, rate) in &measured.tried {
            assert!(own * CLEARLY >= *rate, "{name}: {rate} against {own} of {}", measured.name());
        }
    }

    #[test]
    fn what_was_measured_is_kept_for_the_machine_and_read_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        let chosen = |machine: &str, bf16| {
            kept(&below, machine, || Choices {
                machine: machine.into(),
                tried: [("a".into(), 1.5)].into(),
                ..Choices::usual(bf16)
            })
        };
        assert!(chosen("2 × this", true).bf16);
        assert!(chosen("2 × this", false).bf16);
        assert!(!chosen("2 × that", false).bf16);
    }

    #[test]
    fn a_measurement_beside_other_work_is_believed_for_a_while_and_gives_way_to_a_quieter_one() {
        let folder = tempfile::tempdir().unwrap();
        let chosen = |bf16, waited| kept(folder.path(), "this", || Choices { waited, ..Choices::usual(bf16) }).bf16;
        let grow_old = || {
            let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
            let long_ago = std::time::SystemTime::now() - 2 * TRUSTED;
            std::fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
        };
        assert!(chosen(true, 0.5));
        assert!(chosen(false, 0.0), "another process that starts now chooses alike");
        grow_old();
        assert!(chosen(false, 0.7), "the quieter of two");
        grow_old();
        assert!(!chosen(false, 0.01));
        grow_old();
        assert!(!chosen(true, 0.0), "measured in quiet, and kept for good");
    }

    #[test]
    fn a_file_of_another_version_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("this.json");
        std::fs::write(&path, "{}").unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * TRUSTED;
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        assert!(kept(folder.path(), "this", || Choices::usual(true)).bf16);
        assert!(kept(folder.path(), "this", || Choices::usual(false)).bf16);
    }

    #[test]
    fn processes_that_measure_at_the_same_time_take_what_the_first_of_them_kept() {
        let folder = tempfile::tempdir().unwrap();
        let both_measure = std::sync::Barrier::new(2);
        let found: Vec<Choices> = std::thread::scope(|scope| {
            let start = |bf16| {
                let (folder, both_measure) = (folder.path(), &both_measure);
                scope.spawn(move || {
                    kept(folder, "this", || {
                        both_measure.wait();
                        Choices::usual(bf16)
                    })
                })
            };
            let threads = [start(true), start(false)];
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(found[0], found[1]);
    }
}
