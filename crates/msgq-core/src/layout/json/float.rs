//! Floats as JSON and back, to the last bit. What is no number is told by its bits alone, since moving such a value
//! through a register may change it.

use super::text::hexadecimal;
use serde::Serializer;

/// Where sign, exponent and fraction stand in the bits of a float.
struct FloatFormat {
    infinity: u64,
    sign: u64,
    /// The bits of the one that C calls NAN.
    nan: u64,
}

const SINGLE: FloatFormat = FloatFormat { infinity: 0x7f80_0000, sign: 1 << 31, nan: 0x7fc0_0000 };
const DOUBLE: FloatFormat = FloatFormat { infinity: 0x7ff0_0000_0000_0000, sign: 1 << 63, nan: 0x7ff8_0000_0000_0000 };

/// `field` has 4 or 8 bytes.
pub(super) fn serialize_float<S: Serializer>(field: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    if let Ok(field) = <[u8; 4]>::try_from(field) {
        let bits = u32::from_ne_bytes(field);
        return match name_of_bits(u64::from(bits), &SINGLE) {
            Some(name) => serializer.serialize_str(&name),
            None => serialize_single(f32::from_bits(bits), serializer),
        };
    }
    let bits = <[u8; 8]>::try_from(field).map_or(0, u64::from_ne_bytes);
    match name_of_bits(bits, &DOUBLE) {
        Some(name) => serializer.serialize_str(&name),
        None => serializer.serialize_f64(f64::from_bits(bits)),
    }
}

/// Whoever reads JSON makes a double of the number first, and for a few floats that leads from the shortest number to
/// their neighbour; these have all digits.
fn serialize_single<S: Serializer>(value: f32, serializer: S) -> Result<S::Ok, S::Error> {
    let double: f64 = value.to_string().parse().unwrap_or(f64::NAN);
    if is_single(double, value) { serializer.serialize_f32(value) } else { serializer.serialize_f64(f64::from(value)) }
}

#[expect(clippy::cast_possible_truncation, reason = "what is asked is whether the precision of a float is enough")]
fn is_single(double: f64, single: f32) -> bool {
    (double as f32).to_bits() == single.to_bits()
}

/// `None` for what is a number.
fn name_of_bits(bits: u64, format: &FloatFormat) -> Option<String> {
    let (magnitude, sign) = (bits & !format.sign, if bits & format.sign == 0 { "" } else { "-" });
    match magnitude {
        magnitude if magnitude < format.infinity => None,
        magnitude if magnitude == format.infinity => Some(format!("{sign}Infinity")),
        magnitude if magnitude == format.nan => Some(format!("{sign}NaN")),
        _ => Some(format!("NaN({bits:#x})")),
    }
}

/// The bytes of a float of this length that has this name; `None` for a name of none.
pub(super) fn named_float(name: &str, len: usize) -> Option<Vec<u8>> {
    let format = if len == 4 { SINGLE } else { DOUBLE };
    let (sign, magnitude) = name.strip_prefix('-').map_or((0, name), |magnitude| (format.sign, magnitude));
    let bits = match magnitude {
        "Infinity" => format.infinity | sign,
        "NaN" => format.nan | sign,
        _ => named_bits(name, &format)?,
    };
    if len == 4 {
        return Some(u32::try_from(bits).ok()?.to_ne_bytes().to_vec());
    }
    Some(bits.to_ne_bytes().to_vec())
}

/// Only bits that are no number: all others have another name.
fn named_bits(name: &str, format: &FloatFormat) -> Option<u64> {
    let digits = name.strip_prefix("NaN(0x")?.strip_suffix(')')?;
    let bits = hexadecimal(digits)?;
    let is_in_width = bits <= (format.sign | (format.sign - 1));
    (is_in_width && bits & !format.sign > format.infinity).then_some(bits)
}
