//! JPEG compression: what a picture looks like after libjpeg-turbo has written it in a given quality with 4:2:0 chroma
//! and read it again. Entropy coding loses nothing and is left out; the integer arithmetic is that of the default
//! ("slow") transforms, so the result is the same byte for byte.

use super::scene::Scene;

/// Fraction bits of colour conversion.
const COLOUR: u32 = 16;
const HALF: i32 = 1 << (COLOUR - 1);
/// Fraction bits of the transform's constants, and of what it keeps between its two passes.
const CONST: u32 = 13;
const PASS: u32 = 2;

const LUMA: [i32; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];
const CHROMA: [i32; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99,
];

/// JPEG of the severity's quality.
pub(super) fn jpeg_compression(scene: &mut Scene, out: &mut [u8]) {
    let quality = scene.choose([80, 65, 58, 50, 40], [65, 58, 50, 40, 25]);
    let (side, area) = (scene.side, scene.area());
    let mut planes = to_ycc(scene.pixels, area);
    transcode(&mut planes[0], side, &scaled(&LUMA, quality));
    let chroma = scaled(&CHROMA, quality);
    let [blue, red] = [1, 2].map(|channel| {
        let mut small = shrink(&planes[channel], side);
        transcode(&mut small, side / 2, &chroma);
        enlarge(&small, side / 2)
    });
    for (at, &luma) in planes[0].iter().enumerate() {
        let (cb, cr) = (blue[at] - 128, red[at] - 128);
        out[at] = clamped(luma + ((91_881 * cr + HALF) >> COLOUR));
        out[area + at] = clamped(luma + ((-22_554 * cb - 46_802 * cr + HALF) >> COLOUR));
        out[2 * area + at] = clamped(luma + ((116_130 * cb + HALF) >> COLOUR));
    }
}

/// The quantisation table of a quality in 1..=100.
fn scaled(table: &[i32; 64], quality: i32) -> [i32; 64] {
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    table.map(|step| ((step * percent + 50) / 100).clamp(1, 255))
}

fn to_ycc(pixels: &[u8], area: usize) -> [Vec<i32>; 3] {
    let mut planes = [0; 3].map(|_| Vec::with_capacity(area));
    let offset = (128 << COLOUR) + HALF - 1;
    for at in 0..area {
        let [red, green, blue] = [0, 1, 2].map(|channel| i32::from(pixels[channel * area + at]));
        planes[0].push((19_595 * red + 38_470 * green + 7_471 * blue + HALF) >> COLOUR);
        planes[1].push((-11_059 * red - 21_709 * green + 32_768 * blue + offset) >> COLOUR);
        planes[2].push((32_768 * red - 27_439 * green - 5_329 * blue + offset) >> COLOUR);
    }
    planes
}

/// Means of 2×2 pixels, rounded up and down in turn.
fn shrink(plane: &[i32], side: usize) -> Vec<i32> {
    let mut small = Vec::with_capacity(plane.len() / 4);
    for rows in plane.chunks_exact(2 * side) {
        let (above, below) = rows.split_at(side);
        for (at, (a, b)) in above.chunks_exact(2).zip(below.chunks_exact(2)).enumerate() {
            small.push((a[0] + a[1] + b[0] + b[1] + 1 + (at as i32 & 1)) >> 2);
        }
    }
    small
}

/// Twice the size by linear interpolation: each new pixel lies a quarter of a pixel from its old one.
fn enlarge(small: &[i32], side: usize) -> Vec<i32> {
    let mut plane = Vec::with_capacity(4 * small.len());
    for y in 0..2 * side {
        let near = y / 2;
        let far = if y % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(side - 1) };
        let sums: Vec<i32> = (0..side).map(|x| 3 * small[near * side + x] + small[far * side + x]).collect();
        for (x, sum) in sums.iter().enumerate() {
            plane.push((3 * sum + sums[x.saturating_sub(1)] + 8) >> 4);
            plane.push((3 * sum + sums[(x + 1).min(side - 1)] + 7) >> 4);
        }
    }
    plane
}

/// Transforms, quantises and transforms back each 8×8 block of a plane.
fn transcode(plane: &mut [i32], side: usize, table: &[i32; 64]) {
    let mut block = [0; 64];
    for top in (0..side).step_by(8) {
        for left in (0..side).step_by(8) {
            for (row, line) in block.chunks_exact_mut(8).enumerate() {
                let start = (top + row) * side + left;
                line.copy_from_slice(&plane[start..start + 8]);
                for value in line {
                    *value -= 128;
                }
            }
            two_passes(&mut block, true, forward, [CONST - PASS, CONST + PASS]);
            for (value, step) in block.iter_mut().zip(table) {
                // The transform's results are eight times too large.
                let step = 8 * step;
                *value = value.signum() * ((value.abs() + step / 2) / step) * step / 8;
            }
            two_passes(&mut block, false, inverse, [CONST - PASS, CONST + PASS + 3]);
            for (row, line) in block.chunks_exact(8).enumerate() {
                let start = (top + row) * side + left;
                for (target, value) in plane[start..start + 8].iter_mut().zip(line) {
                    *target = (value + 128).clamp(0, 255);
                }
            }
        }
    }
}

/// Runs an 8-point transform over rows and columns of a block, dropping `shifts` fraction bits after each pass.
fn two_passes(block: &mut [i32; 64], rows_first: bool, transform: fn([i32; 8]) -> [i32; 8], shifts: [u32; 2]) {
    for (pass, shift) in shifts.into_iter().enumerate() {
        let (line, step) = if (pass == 0) == rows_first { (8, 1) } else { (1, 8) };
        for start in (0..8).map(|at| at * line) {
            let input = std::array::from_fn(|at| block[start + at * step]);
            for (at, value) in transform(input).into_iter().enumerate() {
                block[start + at * step] = (value + (1 << (shift - 1))) >> shift;
            }
        }
    }
}

/// The odd half that both directions share (Loeffler, Ligtenberg and Moschytz), scaled by 2^13.
fn odd([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    let turn = (a + c + b + d) * 9633;
    let (ad, bc) = ((a + d) * -7373, (b + c) * -20_995);
    let (ac, bd) = ((a + c) * -16_069 + turn, (b + d) * -3196 + turn);
    [a * 2446 + ad + ac, b * 16_819 + bc + bd, c * 25_172 + bc + ac, d * 12_299 + ad + bd]
}

fn forward(x: [i32; 8]) -> [i32; 8] {
    let sum = [x[0] + x[7], x[1] + x[6], x[2] + x[5], x[3] + x[4]];
    let (outer, inner) = (sum[0] + sum[3], sum[1] + sum[2]);
    let (p, q) = (sum[0] - sum[3], sum[1] - sum[2]);
    let turn = (p + q) * 4433;
    let [seven, five, three, one] = odd([x[3] - x[4], x[2] - x[5], x[1] - x[6], x[0] - x[7]]);
    [(outer + inner) << CONST, one, turn + p * 6270, three, (outer - inner) << CONST, five, turn - q * 15_137, seven]
}

fn inverse(x: [i32; 8]) -> [i32; 8] {
    let turn = (x[2] + x[6]) * 4433;
    let (low, high) = (turn - x[6] * 15_137, turn + x[2] * 6270);
    let (sum, difference) = ((x[0] + x[4]) << CONST, (x[0] - x[4]) << CONST);
    let even = [sum + high, difference + low, difference - low, sum - high];
    let [three, two, one, zero] = odd([x[7], x[5], x[3], x[1]]);
    [
        even[0] + zero,
        even[1] + one,
        even[2] + two,
        even[3] + three,
        even[3] - three,
        even[2] - two,
        even[1] - one,
        even[0] - zero,
    ]
}

fn clamped(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}
