import test from 'ava';
import { runInGuest } from '../helpers/guest.ts';

test('every test of test/guest passes in a machine with device-mapper', async (t) => {
  const { code, said } = await runInGuest(t, 'TMPDIR=/var/tmp TEST_GROUP=guest ava --tap 2>&1', {
    seconds: 900,
  });
  const results = said.split('\n').filter((line) => /^(not )?ok /.test(line));
  t.deepEqual(
    results.filter((line) => line.startsWith('not ok')),
    [],
    said,
  );
  t.true(results.length > 0, said);
  t.is(code, 0, said);
  t.log(`${results.length} tests of test/guest`);
});
