import test from 'ava';
import { parseRecoveryKey, recoveryKeyBytes, renderRecoveryKey } from '../../pkg/disk/index.ts';
import { Secret } from '../../pkg/errors/index.ts';

const bytes = Uint8Array.from({ length: recoveryKeyBytes }, (_, index) => index * 37);

test('a recovery key is eight groups of five, all of its randomness in them', (t) => {
  const key = renderRecoveryKey(bytes);
  t.true(key instanceof Secret);
  t.regex(key.reveal(), /^(?:[0-9A-HJKMNP-TV-Z]{5}-){7}[0-9A-HJKMNP-TV-Z]{5}$/);
  t.is(renderRecoveryKey(new Uint8Array(recoveryKeyBytes).fill(255)).reveal(), Array(8).fill('ZZZZZ').join('-')); // biome-ignore format: one line
  for (let at = 0; at < bytes.length; at++)
    t.not(renderRecoveryKey(bytes.with(at, bytes[at] === 1 ? 2 : 1)).reveal(), key.reveal());
});

test('a recovery key is taken as a person types it', (t) => {
  const key = renderRecoveryKey(bytes).reveal();
  const typed = key.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l');
  t.is(parseRecoveryKey(`${typed}\n`).reveal(), key);
});

const refused = test.macro((t, text: string, why: string) => {
  const error = t.throws(() => parseRecoveryKey(text));
  t.is(error?.message, `cannot use this as a recovery key: ${why}`);
});
test('one that is too short is refused', refused, 'AAAAA-BBBBB', 'it has 10 letters and digits of 40');
test(
  'one with another letter is refused',
  refused,
  'U'.repeat(40),
  'it has letters that no recovery key has',
);
