import type { Name } from './name.ts';

/** Certificates that must not be believed any more, gathered from the revocation lists of the CAs. */
export type RevocationList = {
  readonly entries: readonly { readonly issuer: Name; readonly serial: string }[];
};
