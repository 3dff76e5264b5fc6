import test from 'ava';
import { umount } from '../../../cmd/mosctl/umount.ts';

test('what became free is counted in words', (t) => {
  const said = (...freed: string[]) => umount.render({ unmounted: ['/a', '/b'], freed });
  t.is(said(), 'unmounted /a, /b; 0 layers are free');
  t.is(said('x'), 'unmounted /a, /b; 1 layer is free');
});
