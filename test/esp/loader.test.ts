import test from 'ava';
import { parseLoaderVariable } from '../../pkg/esp/index.ts';

/** As efivarfs gives them: attributes 6 are "boot service and runtime access". */
const variable = (text: string): Buffer =>
  Buffer.concat([Buffer.of(6, 0, 0, 0), Buffer.from(text, 'utf16le')]);

test('the text of a variable', (t) => {
  t.is(parseLoaderVariable(variable('mos-2+2.conf\0'), 'LoaderEntrySelected'), 'mos-2+2.conf');
  t.is(parseLoaderVariable(variable('\0'), 'LoaderEntrySelected'), '');
});

const refused = test.macro({
  exec(t, _: string, bytes: Uint8Array) {
    t.is(
      t.throws(() => parseLoaderVariable(bytes, 'LoaderEntrySelected'))?.message,
      'cannot use the EFI variable LoaderEntrySelected: it is no text that ends with a zero',
    );
  },
  title: (_, what: string) => `refused: a variable with ${what}`,
});
test(refused, 'nothing in it', Buffer.alloc(0));
test(refused, 'attributes alone', Buffer.alloc(4));
test(refused, 'no zero at its end', variable('mos-2.conf'));
test(refused, 'a zero in the middle', variable('mos-2.conf\0+3\0'));
test(refused, 'half a character', Buffer.concat([variable('mos-2.conf\0'), Buffer.of(0)]));
