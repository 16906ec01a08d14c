//! Memory of tensors: freed blocks that stay with the process while it computes, and what a job keeps beyond its budget,
//! which moves to files: it stays readable at the speed of the page cache, and the system may take its pages.

use std::io::{copy, repeat, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use tch::{Device, Tensor};

use crate::error::{EngineError, Result};

/// Makes glibc's allocator keep freed blocks for the next tensor of that size, and all threads share them. By default it
/// maps every large tensor anew and gives it back, so that each activation of each step meets fresh pages, which the system
/// fills with zeros first. To be called before the threads that compute are started; [`give_back`] ends a computation.
pub fn keep_freed_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    // SAFETY: mallopt takes numbers only and may be called at any time.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}

/// Gives freed blocks back to the system.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    // SAFETY: malloc_trim takes a number only and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Bytes that a job may keep in memory; like libtorch's thread count, the process's, set when a job begins.
static BUDGET: AtomicU64 = AtomicU64::new(u64::MAX);

/// Sets the budget of what begins now.
pub fn set_budget(bytes: u64) {
    BUDGET.store(bytes, Ordering::Relaxed);
}

/// The tensor, moved into a file when it is larger than the budget.
pub fn within_budget(tensor: Tensor) -> Result<Tensor> {
    if tensor.device() == Device::Cpu && bytes(&tensor) > BUDGET.load(Ordering::Relaxed) {
        in_file(&tensor)
    } else {
        Ok(tensor)
    }
}

/// A copy of a tensor on the CPU whose storage is a file in the folder for temporary files (`TMPDIR`). The file has no
/// name any more when this returns: it goes with the tensor, however the process ends.
pub fn in_file(tensor: &Tensor) -> Result<Tensor> {
    let folder = std::env::temp_dir();
    let file =
        tempfile::NamedTempFile::with_prefix_in("rift-spill-", &folder).map_err(|e| EngineError::io(&folder, e))?;
    let bytes = (tensor.numel() * tensor.f_kind()?.elt_size_in_bytes()) as u64;
    // A file of holes would end the process with SIGBUS when the disk is full; written zeros end in an error.
    copy(&mut repeat(0).take(bytes), &mut file.as_file()).map_err(|error| EngineError::io(file.path(), error))?;
    let path = file.path().to_str().ok_or_else(|| EngineError::Internal("TMPDIR is not UTF-8".into()))?;
    let flat = Tensor::f_from_file(path, true, tensor.numel() as i64, (tensor.f_kind()?, Device::Cpu))?;
    // Dense in any order of dimensions, as channels-last tensors are.
    let mut mapped = flat.f_as_strided(tensor.size(), tensor.stride(), None)?;
    mapped.f_copy_(tensor)?;
    Ok(mapped)
}

/// Bytes of a tensor's elements.
pub fn bytes(tensor: &Tensor) -> u64 {
    (tensor.numel() * tensor.kind().elt_size_in_bytes()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::exec::channels_last;
    use tch::Kind;

    #[test]
    fn a_tensor_in_a_file_keeps_values_and_layout_and_leaves_no_name_behind() {
        let names = || std::fs::read_dir(std::env::temp_dir()).unwrap().flatten().map(|entry| entry.file_name());
        let tensor = Tensor::randn([2, 3, 4, 5], (Kind::Float, Device::Cpu));
        for tensor in [channels_last(&tensor).unwrap(), tensor.to_kind(Kind::BFloat16), tensor] {
            let mapped = in_file(&tensor).unwrap();
            assert_eq!(mapped, tensor);
            assert_eq!(mapped.stride(), tensor.stride());
        }
        assert!(names().all(|name| !name.to_string_lossy().starts_with("rift-spill-")));
    }
}
