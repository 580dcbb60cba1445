/* Asks for what a compiler of code that runs at once needs: memory that is writable and executable. */
#include <stdio.h>
#include <sys/mman.h>

int main(void)
{
    if (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    puts("compiled");
    return 0;
}
