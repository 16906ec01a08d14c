/** A number with what it counts: 1 round, 3 rounds. */
export const counted = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;
