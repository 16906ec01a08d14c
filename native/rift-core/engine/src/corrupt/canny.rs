//! Edges of a grey image and the distance to them, as `OpenCV` finds them; the spatter of water is made from these.

/// Edges (true) of a side×side plane by Canny's method: 3×3 Sobel gradients, |dx| + |dy| as their size, thinned along
/// the gradient; edges larger than `high`, and those larger than `low` that touch one.
pub(super) fn canny(plane: &[u8], side: usize, low: i32, high: i32) -> Vec<bool> {
    let gradients = sobel(plane, side);
    let size = |y: i64, x: i64| {
        let inside = (0..side as i64).contains(&y) && (0..side as i64).contains(&x);
        if inside {
            gradients[y as usize * side + x as usize]
        } else {
            (0, 0)
        }
    };
    let size = |y: i64, x: i64| size(y, x).0.abs() + size(y, x).1.abs();
    let mut edges = vec![false; plane.len()];
    let mut weak = vec![false; plane.len()];
    let mut open = Vec::new();
    for (at, &(dx, dy)) in gradients.iter().enumerate() {
        let (y, x) = ((at / side) as i64, (at % side) as i64);
        let own = size(y, x);
        if own <= low || !is_ridge(own, dx, dy, |down, right| size(y + down, x + right)) {
            continue;
        }
        weak[at] = true;
        if own > high {
            edges[at] = true;
            open.push((y, x));
        }
    }
    while let Some((y, x)) = open.pop() {
        for (y, x) in (y - 1..=y + 1).flat_map(|y| (x - 1..=x + 1).map(move |x| (y, x))) {
            let inside = (0..side as i64).contains(&y) && (0..side as i64).contains(&x);
            let at = if inside { y as usize * side + x as usize } else { continue };
            if weak[at] && !edges[at] {
                edges[at] = true;
                open.push((y, x));
            }
        }
    }
    edges
}

/// Whether a gradient is larger than its neighbours across the edge; `size(down, right)` is a neighbour's.
fn is_ridge(own: i32, dx: i32, dy: i32, size: impl Fn(i64, i64) -> i32) -> bool {
    /// tan 22.5° with 15 fraction bits.
    const TANGENT: i64 = 13_573;
    let (across, down) = (i64::from(dx.abs()), i64::from(dy.abs()) << 15);
    if down < across * TANGENT {
        own > size(0, -1) && own >= size(0, 1)
    } else if down > across * TANGENT + (across << 16) {
        own > size(-1, 0) && own >= size(1, 0)
    } else {
        let sign = if (dx < 0) == (dy < 0) { 1 } else { -1 };
        own > size(-1, -sign) && own > size(1, sign)
    }
}

/// (dx, dy) of each pixel by 3×3 Sobel filters, border pixels going on.
fn sobel(plane: &[u8], side: usize) -> Vec<(i32, i32)> {
    let pixel = |y: i64, x: i64| {
        let last = side as i64 - 1;
        i32::from(plane[y.clamp(0, last) as usize * side + x.clamp(0, last) as usize])
    };
    let gradient = |at: usize| {
        let (y, x) = ((at / side) as i64, (at % side) as i64);
        let column = |x: i64| pixel(y - 1, x) + 2 * pixel(y, x) + pixel(y + 1, x);
        let row = |y: i64| pixel(y, x - 1) + 2 * pixel(y, x) + pixel(y, x + 1);
        (column(x + 1) - column(x - 1), row(y + 1) - row(y - 1))
    };
    (0..side * side).map(gradient).collect()
}

/// Distance of each pixel to the nearest edge, by the 5×5 chamfer steps 1, 1.4 and 2.1969; more than any image holds
/// where there is no edge.
pub(super) fn distances(edges: &[bool], side: usize) -> Vec<f32> {
    const STEPS: [(i64, i64, f32); 8] = [
        (-2, -1, 2.1969),
        (-2, 1, 2.1969),
        (-1, -2, 2.1969),
        (-1, -1, 1.4),
        (-1, 0, 1.0),
        (-1, 1, 1.4),
        (-1, 2, 2.1969),
        (0, -1, 1.0),
    ];
    let mut distances: Vec<f32> = edges.iter().map(|edge| if *edge { 0.0 } else { 1e6 }).collect();
    let mut visit = |at: usize, direction: i64| {
        let (y, x) = ((at / side) as i64, (at % side) as i64);
        for (down, right, length) in STEPS {
            let (y, x) = (y + direction * down, x + direction * right);
            if (0..side as i64).contains(&y) && (0..side as i64).contains(&x) {
                distances[at] = distances[at].min(distances[y as usize * side + x as usize] + length);
            }
        }
    };
    (0..side * side).for_each(|at| visit(at, 1));
    (0..side * side).rev().for_each(|at| visit(at, -1));
    distances
}

/// Histogram equalisation of bytes.
pub(super) fn equalised(plane: &[u8]) -> Vec<u8> {
    let mut counts = [0usize; 256];
    for &byte in plane {
        counts[usize::from(byte)] += 1;
    }
    let lowest = plane.iter().copied().min().map_or(0, usize::from);
    let rest = plane.len() - counts[lowest];
    if rest == 0 {
        return plane.to_vec();
    }
    let scale = 255.0 / rest as f32;
    let mut table = [0u8; 256];
    let mut below = 0;
    for (value, count) in counts.iter().enumerate().skip(lowest + 1) {
        below += count;
        table[value] = (below as f32 * scale).round_ties_even() as u8;
    }
    plane.iter().map(|&byte| table[usize::from(byte)]).collect()
}
