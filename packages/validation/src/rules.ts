import { z } from 'zod';

/** A number as people write it: 100000 as 100,000. */
const written = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 20 });

/** A whole number from `min` to `max`; the wire has checked that it is an unsigned 32-bit one. */
export function count(min: number, max: number): z.ZodNumber {
  const error = `must be a whole number from ${written(min)} to ${written(max)}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** Any unsigned 32-bit number. */
export function uint32(): z.ZodNumber {
  return count(0, 0xffff_ffff);
}

/** A finite number from `min` to `max`. */
export function between(min: number, max: number): z.ZodNumber {
  const error = `must be a number from ${written(min)} to ${written(max)}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

/** A finite number of at least 0. */
export function atLeastZero(): z.ZodNumber {
  const error = 'must be a finite number of at least 0';
  return z.number({ error }).min(0, { error });
}

/** A finite number greater than 0. */
export function positive(): z.ZodNumber {
  const error = 'must be a finite number greater than 0';
  return z.number({ error }).gt(0, { error });
}

/** true or false. */
export function flag(): z.ZodBoolean {
  return z.boolean({ error: 'must be true or false' });
}

type Valid<T extends Record<string, string>> = Exclude<T[keyof T], `${string}_UNSPECIFIED`>;

/** A value of a generated enum other than its _UNSPECIFIED; a number that the contracts lack is refused too. */
export function oneOf<T extends Record<string, string>>(values: T): z.ZodType<Valid<T>> {
  const allowed = Object.values(values).filter((value) => !value.endsWith('_UNSPECIFIED'));
  return z.enum(allowed, { error: `must be one of ${allowed.join(', ')}` }) as unknown as z.ZodType<Valid<T>>;
}

/** A value of a generated enum whose _UNSPECIFIED has a meaning of its own. */
export function oneOfOrUnset<T extends Record<string, string>>(values: T): z.ZodType<T[keyof T]> {
  const allowed = Object.values(values);
  return z.enum(allowed, { error: `must be one of ${allowed.join(', ')}` }) as unknown as z.ZodType<T[keyof T]>;
}

/** SHA-256 of an artifact. */
export function digest(): z.ZodString {
  return text(/^[0-9a-f]{64}$/, 'must be a SHA-256 in 64 lower-case hexadecimal digits');
}

/** Text of a form; `rule` says which. */
export function text(form: RegExp, rule: string): z.ZodString {
  return z.string({ error: rule }).regex(form, { error: rule });
}

/** A list of at most `max` items. */
export function list<T extends z.ZodType>(item: T, max: number): z.ZodArray<T> {
  const error = `must have at most ${written(max)} items`;
  return z.array(item, { error }).max(max, { error });
}

/** A list without repetitions. */
export function distinct<T extends z.ZodType<string | number>>(item: T, max: number) {
  return list(item, max).refine((items) => new Set(items).size === items.length, { error: 'must not name anything twice' });
}

/** A message that has to be there. */
export function message<S extends z.ZodRawShape>(shape: S): z.ZodObject<S> {
  return z.object(shape, { error: 'must be set' });
}

/** Name of an architecture, of a form that the engine then looks up. */
export function architecture(): z.ZodString {
  return text(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must name an architecture, like resnet18');
}

/** A module's PyTorch name, of a form that the engine then looks up in the network. */
export function moduleName(): z.ZodString {
  return text(/^[A-Za-z0-9_][A-Za-z0-9_.]{0,199}$/, "must be a module's name, like layer2.1.conv2");
}
