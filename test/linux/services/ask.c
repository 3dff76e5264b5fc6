// Sends what is on stdin to a Unix socket, and prints the answer: what a service needs to ask the API.
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int copy(int from, int to) {
  char buffer[4096];
  ssize_t size;
  while ((size = read(from, buffer, sizeof buffer)) > 0)
    if (write(to, buffer, size) != size) return 1;
  return size < 0;
}

int main(int count, char **words) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (count != 2 || strlen(words[1]) >= sizeof address.sun_path) return 2;
  strcpy(address.sun_path, words[1]);
  int socket_ = socket(AF_UNIX, SOCK_STREAM, 0);
  if (socket_ < 0 || connect(socket_, (struct sockaddr *)&address, sizeof address) != 0) {
    perror(words[1]);
    return 3;
  }
  if (copy(0, socket_) != 0 || shutdown(socket_, SHUT_WR) != 0) return 4;
  return copy(socket_, 1);
}
