import test from 'ava';
import { digestOf, readVerified } from '../../pkg/oci/index.ts';

const bytes = Buffer.from('hello');
const descriptor = { mediaType: 'text/plain', digest: digestOf(bytes), size: 5 };
async function* body(...chunks: string[]) {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

test('bytes that match are passed on', async (t) => {
  t.deepEqual(Buffer.from(await readVerified(descriptor, body('he', 'llo'))), bytes);
});

const refuses = test.macro({
  exec: async (t, chunks: string[], why: string) => {
    const message = `cannot accept the bytes of ${descriptor.digest}: ${why}`;
    await t.throwsAsync(readVerified(descriptor, body(...chunks)), { message });
  },
  title: (_, chunks) => `a body of ${JSON.stringify(chunks)} is refused`,
});
test(refuses, ['hell'], '4 bytes in place of 5');
test(refuses, ['hello', '!'], 'more than 5 bytes');
test(refuses, ['hellO'], `they hash to ${digestOf(Buffer.from('hellO'))}`);
