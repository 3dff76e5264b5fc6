import { MosError, Secret } from '../errors/index.ts';

/** Crockford's base 32: no letter looks like a digit. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const letters = 40;
const group = 5;
/** Of randomness: 5 bits a letter. */
export const recoveryKeyBytes = (letters * 5) / 8;

/** `AB12C-…`, eight groups of five: what a person copies by hand, and types. `random` has `recoveryKeyBytes`. */
export function renderRecoveryKey(random: Uint8Array): Secret {
  const bits = [...random].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const text = (bits.match(/.{5}/g) ?? []).map((five) => alphabet[Number.parseInt(five, 2)]).join('');
  return new Secret(inGroups(text));
}

/** As a person types it: any case, with or without dashes and spaces, O for 0, I or L for 1. The error doesn't repeat it. */
export function parseRecoveryKey(text: string): Secret {
  const typed = text.toUpperCase().replaceAll(/[-\s]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  const refuse = (why: string) =>
    new MosError('invalid', `cannot use this as a recovery key: ${why}`, {
      hint: 'it has eight groups of five letters and digits, as the install showed it',
    });
  if ([...typed].some((letter) => !alphabet.includes(letter)))
    throw refuse('it has letters that no recovery key has');
  if (typed.length !== letters) throw refuse(`it has ${typed.length} letters and digits of ${letters}`);
  return new Secret(inGroups(typed));
}

const inGroups = (text: string): string => (text.match(new RegExp(`.{1,${group}}`, 'g')) ?? []).join('-');
