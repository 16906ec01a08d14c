//! Raw bytes to tensor and back, with the length check that tch leaves out: `f_from_data_size` reads
//! product(shape) × element size bytes whatever the slice holds.

use tch::{Kind, Tensor};

use crate::error::{EngineError, Result};

/// Bytes of one element of `kind`, or an error for a kind that the engine does not store.
pub fn element_size(kind: Kind) -> Result<usize> {
    match kind {
        Kind::Bool | Kind::Uint8 | Kind::Int8 => Ok(1),
        Kind::Int16 | Kind::Half | Kind::BFloat16 => Ok(2),
        Kind::Int | Kind::Float => Ok(4),
        Kind::Int64 | Kind::Double => Ok(8),
        other => Err(EngineError::Torch(format!("tensors of kind {other:?} cannot be stored"))),
    }
}

/// Product of `shape`, or `None` when it is negative somewhere or overflows.
pub fn checked_numel(shape: &[i64]) -> Option<usize> {
    // A zero anywhere must not hide an overflowing or negative dimension elsewhere.
    let mut nonzero: i64 = 1;
    let mut empty = false;
    for &dim in shape {
        match dim {
            i64::MIN..0 => return None,
            0 => empty = true,
            _ => nonzero = nonzero.checked_mul(dim)?,
        }
    }
    if empty {
        Some(0)
    } else {
        usize::try_from(nonzero).ok()
    }
}

/// CPU tensor of `shape` and `kind` from contiguous little-endian `bytes`; the byte count must fit exactly.
pub fn tensor_of(bytes: &[u8], shape: &[i64], kind: Kind) -> Result<Tensor> {
    let wanted = checked_numel(shape).and_then(|n| n.checked_mul(element_size(kind).ok()?));
    if wanted != Some(bytes.len()) {
        return Err(EngineError::Internal(format!("{} bytes for a tensor of shape {shape:?} {kind:?}", bytes.len())));
    }
    Ok(Tensor::f_from_data_size(bytes, shape, kind)?)
}

/// Contiguous little-endian bytes of `tensor`, copied from whatever device and layout it has.
pub fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>> {
    let numel = checked_numel(&tensor.size())
        .ok_or_else(|| EngineError::Internal("a tensor with an impossible shape".into()))?;
    let mut bytes = vec![0u8; numel * element_size(tensor.f_kind()?)?];
    if numel > 0 {
        tensor.f_copy_data_u8(&mut bytes, numel)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_way_through_a_tensor_whatever_its_layout() {
        let bytes: Vec<u8> = (0..24).collect();
        let tensor = tensor_of(&bytes, &[2, 3, 4], Kind::Uint8).unwrap();
        assert_eq!(bytes_of(&tensor).unwrap(), bytes);
        let turned = bytes_of(&tensor.transpose(0, 2)).unwrap();
        assert_eq!(&turned[..4], &[0, 12, 4, 16]);
    }

    #[test]
    fn a_byte_count_that_is_not_the_shape_is_refused() {
        assert!(tensor_of(&[0; 11], &[3], Kind::Float).is_err());
        assert!(tensor_of(&[], &[1], Kind::Uint8).is_err());
    }

    #[test]
    fn an_impossible_shape_has_no_count_even_when_a_zero_hides_it() {
        assert_eq!(checked_numel(&[i64::MAX, 2]), None);
        assert_eq!(checked_numel(&[0, i64::MAX, i64::MAX]), None);
        assert_eq!(checked_numel(&[0, -1]), None);
        assert_eq!(checked_numel(&[]), Some(1));
    }
}
