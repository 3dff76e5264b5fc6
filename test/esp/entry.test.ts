import test from 'ava';
import {
  bootFileName,
  type EntryName,
  parseBootFileName,
  parseEntry,
  parseEntryName,
  renderEntry,
  renderEntryName,
} from '../../pkg/esp/index.ts';
import { parseDigest } from '../../pkg/oci/index.ts';

const bootFile = parseDigest(`sha256:${'ab'.repeat(32)}`);

const named = test.macro({
  exec(t, name: string, entry: EntryName) {
    t.deepEqual(parseEntryName(name), entry);
    t.is(renderEntryName(entry), name);
  },
  title: (_, name: string) => `an entry's name: ${name}`,
});
test(named, 'mos-7.conf', { generation: 7 });
test(named, 'mos-7+3.conf', { generation: 7, tries: { left: 3, done: 0 } });
test(named, 'mos-12+0-3.conf', { generation: 12, tries: { left: 0, done: 3 } });

test('names that are not ours', (t) => {
  for (const name of [
    'debian.conf',
    'mos-0.conf',
    'mos-07.conf',
    'mos-7+.conf',
    'mos-7+3-.conf',
    'mos-7+03.conf',
    'mos-7-1.conf',
    'mos-7.conf.bak',
    'xmos-7.conf',
    'mos-9999999999.conf',
    'mos-7.conf\n',
  ])
    t.is(parseEntryName(name), undefined, name);
});

test('an entry as it stands on the ESP', (t) => {
  const text = renderEntry({ generation: 7, bootFile });
  t.is(
    text,
    `title mos, generation 7
version 7
sort-key mos
efi /EFI/mos/${'ab'.repeat(32)}.efi
`,
  );
  t.deepEqual(parseEntry(text, 'mos-7.conf'), { generation: 7, bootFile });
});

const edited = test.macro({
  exec(t, _: string, edit: (text: string) => string) {
    const text = edit(renderEntry({ generation: 7, bootFile }));
    t.is(
      t.throws(() => parseEntry(text, 'mos-7.conf'))?.message,
      'cannot use the boot entry mos-7.conf: it is not as mosctl wrote it',
    );
  },
  title: (_, what: string) => `refused: an entry with ${what}`,
});
test(edited, 'a line more', (text) => `${text}options init=/bin/sh\n`);
test(edited, 'another version', (text) => text.replace('version 7', 'version 8'));
test(edited, 'another path', (text) => text.replace('/EFI/mos/', '/EFI/../'));
test(edited, 'its end missing', (text) => text.slice(0, -1));
test(edited, 'nothing in it', () => '');

test('boot files have the name of their content', (t) => {
  t.is(bootFileName(bootFile), `${'ab'.repeat(32)}.efi`);
  t.is(parseBootFileName(bootFileName(bootFile)), bootFile);
  t.is(parseBootFileName('production.efi'), undefined);
  t.is(parseBootFileName(`${'AB'.repeat(32)}.efi`), undefined);
});
