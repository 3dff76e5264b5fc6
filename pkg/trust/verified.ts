declare const verified: unique symbol;

/**
 * A value whose signature, chain and product were checked. Only this package makes one: `markVerified` is not in
 * the package's index, and a plain object does not compile where a `Verified` is asked for.
 */
export type Verified<T> = T & { readonly [verified]: true };

export const markVerified = <T>(value: T): Verified<T> => value as Verified<T>;
