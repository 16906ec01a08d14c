//! Writes the first test pictures of a CIFAR-10 folder under every corruption and severity, for a comparison with other
//! generators (test/golden/corruptions/compare.py): `corrupted_sets CIFAR_FOLDER LIMIT SEED OUT_FOLDER` makes one
//! CORRUPTION.npz for each, with arrays `1` to `5`, uint8 [N, 3, 32, 32]. Frost takes its pictures from `RIFT_FROST_DIR`.

use std::path::Path;

use rift_engine::checkpoint::StateDict;
use rift_engine::control::Control;
use rift_engine::corrupt::{corrupt_dataset, ALL_19};
use rift_engine::data::npy::write_npz;
use rift_engine::data::{load, Format};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, limit, seed, out] = arguments.as_slice() else {
        return Err("see the first lines".into());
    };
    let data = load(Path::new(folder), Format::Cifar10, "test")?.first(limit.parse()?)?;
    for corruption in ALL_19 {
        let mut arrays = StateDict::new();
        for severity in 1..=5 {
            let corrupted = corrupt_dataset(&data, corruption, severity, seed.parse()?, 0, &Control::default())?;
            arrays.insert(severity.to_string(), corrupted.images);
        }
        write_npz(&Path::new(out).join(format!("{corruption}.npz")), &arrays)?;
    }
    Ok(())
}
