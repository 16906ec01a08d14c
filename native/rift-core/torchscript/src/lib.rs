//! TorchScript modules: what `torch.jit.save` wrote, with parameters and buffers as tensors that share the module's storage.
//! A TorchScript file is a program; whoever loads one has decided to run it.

use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::path::Path;

use tch::{Device, TchError, Tensor};
use torch_sys::C_tensor;

#[repr(C)]
struct RawModule {
    _private: [u8; 0],
}

type Each = extern "C" fn(*mut c_void, *const c_char, c_int, *mut C_tensor);

extern "C" {
    fn rift_module_load(bytes: *const c_char, size: usize, loaded: *mut *mut RawModule) -> *mut c_char;
    fn rift_module_free(module: *mut RawModule);
    fn rift_module_tensors(module: *mut RawModule, data: *mut c_void, each: Each) -> *mut c_char;
    fn rift_module_forward(
        module: *mut RawModule, training: c_int, images: *const C_tensor, logits: *mut *mut C_tensor,
    ) -> *mut c_char;
    fn rift_module_to(module: *mut RawModule, device: c_int) -> *mut c_char;
    fn rift_module_save(module: *mut RawModule, path: *const c_char) -> *mut c_char;
    fn rift_tensor_overwrite(target: *mut C_tensor, source: *const C_tensor) -> *mut c_char;
    fn free(pointer: *mut c_void);
}

/// A parameter or buffer of a module.
pub struct Entry {
    /// PyTorch's name.
    pub name: String,
    /// The tensor itself, not a copy.
    pub tensor: Tensor,
    /// False for buffers.
    pub is_parameter: bool,
}

/// A loaded TorchScript module, in float32.
#[derive(Debug)]
pub struct Module {
    raw: *mut RawModule,
}

// SAFETY: libtorch's modules may be used from any thread, one at a time; `Module` is not `Sync`.
unsafe impl Send for Module {}

impl Module {
    /// Loads what `torch.jit.save` wrote, onto the CPU.
    pub fn load(bytes: &[u8]) -> Result<Self, TchError> {
        let mut raw = std::ptr::null_mut();
        // SAFETY: the bytes outlive the call; `raw` is set exactly when no message comes back.
        checked(unsafe { rift_module_load(bytes.as_ptr().cast(), bytes.len(), &raw mut raw) })?;
        Ok(Self { raw })
    }

    /// Parameters, then buffers, in the order of the program.
    pub fn entries(&self) -> Result<Vec<Entry>, TchError> {
        extern "C" fn each(data: *mut c_void, name: *const c_char, is_parameter: c_int, tensor: *mut C_tensor) {
            // SAFETY: `data` is the vector below, `name` a C string of the module, `tensor` a new tensor that is ours.
            let (entries, name, tensor) =
                unsafe { (&mut *data.cast::<Vec<Entry>>(), CStr::from_ptr(name), Tensor::from_ptr(tensor)) };
            let name = name.to_string_lossy().into_owned();
            entries.push(Entry { name, tensor, is_parameter: is_parameter != 0 });
        }
        let mut entries: Vec<Entry> = Vec::new();
        // SAFETY: `each` is only called within the call, during which the vector lives.
        checked(unsafe { rift_module_tensors(self.raw, (&raw mut entries).cast(), each) })?;
        Ok(entries)
    }

    /// What the module's `forward` gives for one tensor, in train or evaluation mode.
    pub fn forward(&self, input: &Tensor, training: bool) -> Result<Tensor, TchError> {
        let mut output = std::ptr::null_mut();
        // SAFETY: the input outlives the call; `output` is a new tensor exactly when no message comes back.
        checked(unsafe { rift_module_forward(self.raw, c_int::from(training), input.as_ptr(), &raw mut output) })?;
        Ok(unsafe { Tensor::from_ptr(output) })
    }

    /// Moves parameters and buffers to `device`; the tensors of [`Module::entries`] move with them.
    pub fn to_device(&self, device: Device) -> Result<(), TchError> {
        let index = match device {
            Device::Cuda(index) => c_int::try_from(index).unwrap_or(c_int::MAX),
            _ => -1,
        };
        // SAFETY: the module is alive.
        checked(unsafe { rift_module_to(self.raw, index) })
    }

    /// Writes the module, in evaluation mode, as `torch.jit.load` opens it.
    pub fn save(&self, path: &Path) -> Result<(), TchError> {
        let path = CString::new(path.to_string_lossy().as_bytes())?;
        // SAFETY: the module is alive and the path outlives the call.
        checked(unsafe { rift_module_save(self.raw, path.as_ptr()) })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: `raw` came from `rift_module_load` and is freed once.
        unsafe { rift_module_free(self.raw) }
    }
}

/// Overwrites `target` in place without telling autograd: a gradient that was to pass through values read before is not
/// refused. For running statistics, whose derivative no backward pass in train mode reads.
pub fn overwrite(target: &Tensor, source: &Tensor) -> Result<(), TchError> {
    // SAFETY: both tensors outlive the call.
    checked(unsafe { rift_tensor_overwrite(target.as_ptr().cast_mut(), source.as_ptr()) })
}

fn checked(message: *mut c_char) -> Result<(), TchError> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: a message is a C string from strdup, which is ours to free.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
    unsafe { free(message.cast()) };
    Err(TchError::Torch(text))
}
