"""The 19 corruptions of CIFAR-C in NumPy, SciPy, scikit-image, OpenCV and Pillow. Each takes a picture (uint8, S×S×3),
its constants and a NumPy generator, and returns values on 0..255 that the caller truncates to bytes."""
import io
import math

import cv2
import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.color import hsv2rgb, rgb2hsv
from skimage.filters import gaussian

FROST_SCALE = {32: 0.2, 64: 0.3}


def unit(picture):
    return picture / 255.0


def finish(values):
    return np.clip(values, 0, 1) * 255


def blurred(values, sigma):
    return gaussian(values, sigma=sigma, channel_axis=-1, mode="nearest", truncate=4)


def gaussian_noise(picture, c, rng):
    return finish(unit(picture) + rng.normal(scale=c, size=picture.shape))


def shot_noise(picture, c, rng):
    return finish(rng.poisson(unit(picture) * c) / c)


def impulse_noise(picture, c, rng):
    values = unit(picture)
    hit = rng.random(values.shape) <= c
    return finish(np.where(hit, rng.random(values.shape) <= 0.5, values))


def speckle_noise(picture, c, rng):
    values = unit(picture)
    return finish(values + values * rng.normal(scale=c, size=values.shape))


def gaussian_blur(picture, c, _rng):
    return finish(blurred(unit(picture), c))


def glass_blur(picture, c, rng):
    sigma, shift, iterations = c
    side = len(picture)
    image = (blurred(unit(picture), sigma) * 255).astype(np.uint8)
    for _ in range(iterations):
        for y in range(side - shift, shift, -1):
            for x in range(side - shift, shift, -1):
                dx, dy = rng.integers(-shift, shift, size=2)
                image[y, x] = image[y + dy, x + dx]
    return finish(blurred(unit(image), sigma))


def defocus_blur(picture, c, _rng):
    radius, alias = c
    grid = np.arange(-8, 9)
    disk = (grid[:, None] ** 2 + grid[None] ** 2 <= radius**2).astype(np.float32)
    kernel = cv2.GaussianBlur(disk / disk.sum(), ksize=(3, 3), sigmaX=alias)
    return finish(np.dstack([cv2.filter2D(unit(picture)[..., d], -1, kernel) for d in range(3)]))


def motion(plane, radius, sigma, degrees):
    """ImageMagick's motion blur of one byte plane (checked against ImageMagick 6.9.11: equal)."""
    taps = np.arange(2 * radius + 1)
    weights = np.exp(-(taps**2) / (2 * sigma**2))
    angle, side = math.radians(degrees), len(plane)
    total = np.zeros(plane.shape)
    for tap, weight in zip(taps, weights / weights.sum()):
        rows = np.clip(np.arange(side) + math.ceil(tap * math.sin(angle) - 0.5), 0, side - 1)
        columns = np.clip(np.arange(side) + math.ceil(tap * math.cos(angle) - 0.5), 0, side - 1)
        total += weight * plane[np.ix_(rows, columns)]
    return np.floor(np.floor(total * 257 + 0.5) / 257 + 1e-9)


def motion_blur(picture, c, rng):
    angle = rng.uniform(-45, 45)
    return np.dstack([motion(picture[..., d], *c, angle) for d in range(3)])


def zoomed(values, factor):
    side = len(values)
    crop = math.ceil(side / factor)
    first = (side - crop) // 2
    zooms = (factor, factor, 1)[: values.ndim]
    large = ndimage.zoom(values[first : first + crop, first : first + crop], zooms, order=1)
    trim = (len(large) - side) // 2
    return large[trim : trim + side, trim : trim + side]


def zoom_blur(picture, c, _rng):
    values = unit(picture).astype(np.float32)
    factors = np.arange(1, c, 0.01)
    total = np.zeros_like(values)
    for factor in factors:
        total += zoomed(values, factor)
    return finish((values + total) / (len(factors) + 1))


def snow(picture, c, rng):
    mean, deviation, zoom, threshold, radius, sigma, keep = c
    values = picture.astype(np.float32) / 255
    layer = zoomed(rng.normal(mean, deviation, picture.shape[:2]), zoom)
    layer = np.where(layer < threshold, 0, np.clip(layer, 0, 1) * 255).astype(np.uint8)
    layer = motion(layer, radius, sigma, rng.uniform(-135, -45))[..., None] / 255
    grey = (values @ np.float32([0.299, 0.587, 0.114]))[..., None]
    values = keep * values + (1 - keep) * np.maximum(values, grey * 1.5 + 0.5)
    return finish(values + layer + layer[::-1, ::-1])


def frost(picture, c, rng, pictures):
    side = len(picture)
    sheet = pictures[rng.integers(len(pictures))]
    top, left = (rng.integers(0, length - side) for length in sheet.shape[:2])
    return np.clip(c[0] * picture + c[1] * sheet[top : top + side, left : left + side], 0, 255)


def frost_pictures(folder, side):
    names = ["frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg"]
    pictures = [cv2.imread(f"{folder}/{name}")[..., ::-1] for name in names]
    scale = FROST_SCALE[side]
    return [cv2.resize(np.ascontiguousarray(picture), (0, 0), fx=scale, fy=scale) for picture in pictures]


def plasma(side, decay, rng):
    heights, step, width = np.zeros((side, side)), side, 100.0

    def noisy(total):
        return total / 4 + width * rng.uniform(-width, width, total.shape)

    while step >= 2:
        half = step // 2
        corners = heights[::step, ::step]
        pairs = corners + np.roll(corners, -1, 0)
        heights[half::step, half::step] = noisy(pairs + np.roll(pairs, -1, 1))
        middles = heights[half::step, half::step]
        across = middles + np.roll(middles, 1, 0) + corners + np.roll(corners, -1, 1)
        heights[::step, half::step] = noisy(across)
        down = middles + np.roll(middles, 1, 1) + corners + np.roll(corners, -1, 0)
        heights[half::step, ::step] = noisy(down)
        step, width = half, width / decay
    heights -= heights.min()
    return heights / heights.max()


def fog(picture, c, rng):
    values = unit(picture)
    highest = values.max()
    values = values + c[0] * plasma(len(picture), c[1], rng)[..., None]
    return finish(values * highest / (highest + c[0]))


def brightness(picture, c, _rng):
    colours = rgb2hsv(unit(picture))
    colours[..., 2] = np.clip(colours[..., 2] + c, 0, 1)
    return finish(hsv2rgb(colours))


def saturate(picture, c, _rng):
    colours = rgb2hsv(unit(picture))
    colours[..., 1] = np.clip(colours[..., 1] * c[0] + c[1], 0, 1)
    return finish(hsv2rgb(colours))


def contrast(picture, c, _rng):
    values = unit(picture)
    means = values.mean(axis=(0, 1), keepdims=True)
    return finish((values - means) * c + means)


def elastic_transform(picture, c, rng):
    side = len(picture)
    amplitude, sigma, shift = (constant * side for constant in c)
    values = picture.astype(np.float32) / 255
    reach, centre = side // 3, side // 2
    corners = centre + np.float32([[reach, reach], [reach, -reach], [-reach, -reach]])
    moved = corners + rng.uniform(-shift, shift, corners.shape).astype(np.float32)
    affine = cv2.getAffineTransform(corners, moved)
    values = cv2.warpAffine(values, affine, (side, side), borderMode=cv2.BORDER_REFLECT_101)
    across, down = (
        gaussian(rng.uniform(-1, 1, (side, side)), sigma, mode="reflect", truncate=3) * amplitude for _ in range(2)
    )
    y, x = np.mgrid[:side, :side]
    place = (y + down.astype(np.float32), x + across.astype(np.float32))
    warped = [ndimage.map_coordinates(values[..., d], place, order=1, mode="reflect") for d in range(3)]
    return finish(np.dstack(warped))


def pixelate(picture, c, _rng):
    side = len(picture)
    small = Image.fromarray(picture).resize((int(side * c), int(side * c)), Image.BOX)
    return np.asarray(small.resize((side, side), Image.BOX))


def jpeg_compression(picture, c, _rng):
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "JPEG", quality=c)
    return np.asarray(Image.open(stored))


def spatter(picture, c, rng):
    mean, deviation, sigma, threshold, factor, mud = c
    values = picture.astype(np.float32) / 255
    field = gaussian(rng.normal(mean, deviation, picture.shape[:2]), sigma, mode="nearest", truncate=4)
    if mud:
        cover = gaussian((field > threshold).astype(np.float32), factor, mode="nearest", truncate=4)[..., None]
        cover[cover < 0.8] = 0
        return finish(values * (1 - cover) + cover * np.array([63, 42, 20]) / 255)
    drops = (np.where(field < threshold, 0, field) * 255).astype(np.uint8)
    near = np.minimum(cv2.distanceTransform(255 - cv2.Canny(drops, 50, 150), cv2.DIST_L2, 5), 20)
    near = cv2.equalizeHist(cv2.blur(near, (3, 3)).astype(np.uint8))
    relief = cv2.filter2D(near, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
    light = drops * cv2.blur(relief, (3, 3)).astype(np.float32)
    if light.max() > 0:
        light *= factor / light.max()
    return finish(values + light[..., None] * np.array([175, 238, 238]) / 255)
